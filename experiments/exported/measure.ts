/**
 * Measures one run's files in every runtime.
 *
 * @module
 */
import { exportRun } from "../../mod.ts";
import { openModelFile } from "../../lib/export/open.ts";
import {
  accuracyOf,
  answerByFile,
  answerByRun,
  type CodeDifference,
  codeDifference,
  differing,
  likeliest,
  type TestImages,
} from "./answers.ts";
import { onnxWithScores, operators, tfliteWithScores } from "./model_files.ts";
import { withThousands } from "../../lib/core/format.ts";
import { PROBABILITIES } from "../../lib/export/model_file.ts";
import { type JobResult, type Place, RuntimeError, type Runtimes, type Task } from "./packages.ts";

/** How to measure. */
export interface Settings {
  /** Maximum number of test images. */
  readonly images: number;
  /** Turns of each network that is timed. */
  readonly rounds: number;
  /** Milliseconds of a turn. */
  readonly ms: number;
}

/** The answers of a runtime. */
export interface Answered {
  /** The runtime, its version, and how it was set. */
  readonly where: string;
  /** The file. */
  readonly file: string;
  readonly accuracy: number;
  /** Number of images that the run answers in another way. */
  readonly fromRun: number;
  /** Number of images that qtrain's interpreter of the same file answers in another way. */
  readonly fromFile?: number;
  /** Scores against those of the interpreter. */
  readonly codes?: CodeDifference;
}

/** The times of a file in int8, and of float32 in the same runtime. */
export interface Timed {
  readonly where: string;
  readonly threads: number;
  readonly batch: number;
  /** Milliseconds an image of each turn. */
  readonly int8: readonly number[];
  readonly float32?: readonly number[];
}

/** What was found out about a run. */
export interface Measured {
  readonly run: string;
  readonly answers: Answered[];
  /** Bytes by file. */
  readonly bytes: Record<string, number>;
  /** Operators of a network in ONNX Runtime, by level of its optimization. */
  readonly operators: Record<string, Record<string, number>>;
  readonly times: Timed[];
  /** What a runtime refused. */
  readonly problems: string[];
}

/** The files that a run is exported as: `float32.onnx` has the values of the int8 weights. */
const FILES = [
  "ort.onnx",
  "web.onnx",
  "float32.onnx",
  "int8.tflite",
  "weights.safetensors",
] as const;

const onnxNode = (threads: number): Place => ({ library: "onnxruntime-node", threads });
const onnxPage = (threads: number, provider: "wasm" | "webgpu" = "wasm"): Place => ({
  library: "onnxruntime-web",
  provider,
  threads,
});
const liteRt = (threads: number): Place => ({ library: "litert", threads });

/** Images of a batch; LiteRT in a page takes one at a time. */
const BATCH = 64;

/** Images that WebGPU answers: software does 5 a second. */
const MAX_WEBGPU_IMAGES = 200;

/** Exports a run into a temporary folder and measures the files. */
export async function measureRun(
  path: string,
  runtimes: Runtimes,
  settings: Settings,
  log: (text: string) => void,
): Promise<Measured> {
  const folder = await Deno.makeTempDir();
  try {
    return await new Measurement(path, folder, runtimes, settings, log).measure();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

class Measurement {
  readonly #result: Measured;
  #test!: TestImages;
  /** Scores of qtrain's interpreter, by file. */
  readonly #scores = new Map<string, Float32Array>();
  /** The name of the scores in ONNX files. */
  #scoresName = "";

  constructor(
    readonly path: string,
    readonly folder: string,
    readonly runtimes: Runtimes,
    readonly settings: Settings,
    readonly log: (text: string) => void,
  ) {
    const run = path.replace(/\/+$/, "").split("/").at(-1)!;
    this.#result = { run, answers: [], bytes: {}, operators: {}, times: [], problems: [] };
  }

  async measure(): Promise<Measured> {
    this.#test = await answerByRun(this.path, this.settings.images);
    await Deno.writeFile(`${this.folder}/images.bin`, this.#test.images);
    this.#add("the run", "", this.#test.scores);
    for (const file of FILES) await this.#export(file);
    await this.#answer(onnxNode(1), "ort.onnx", ["disabled", "extended", "all"]);
    await this.#answer(onnxNode(1), "float32.onnx", ["all"]);
    await this.#answer(onnxPage(1), "ort.onnx", ["disabled", "all"]);
    await this.#answer(onnxPage(1), "web.onnx", ["all"]);
    await this.#answer(onnxPage(1, "webgpu"), "web.onnx", ["all"], MAX_WEBGPU_IMAGES);
    await this.#answer(liteRt(1), "int8.tflite", [""]);
    await this.#countOperators();
    if (this.settings.rounds > 0) await this.#time();
    return this.#result;
  }

  async #export(file: typeof FILES[number]): Promise<void> {
    const out = `${this.folder}/${file}`, onnx = file.endsWith(".onnx");
    this.log(`${this.#result.run}: ${file}`);
    await exportRun(this.path, out, {
      ...(onnx ? { check: 0, float32: file === "float32.onnx" } : {}),
      ...(file === "web.onnx" ? { target: "web" } : {}),
      ...(file.endsWith(".tflite") ? { check: 1, maxDrop: 100 } : {}), // All are answered below.
    });
    const bytes = await Deno.readFile(out);
    this.#result.bytes[file] = bytes.length;
    if (file.endsWith(".safetensors")) return;
    const copy = onnx ? onnxWithScores(bytes) : undefined;
    if (copy) this.#scoresName = copy.name;
    await Deno.writeFile(`${this.folder}/scores.${file}`, copy?.bytes ?? tfliteWithScores(bytes));
    if (file === "float32.onnx") return;
    // Another target has the same sums.
    const scores = file === "web.onnx"
      ? this.#scores.get("ort.onnx")!
      : answerByFile(openModelFile(bytes, file), this.#test);
    this.#scores.set(file, scores);
    if (file !== "web.onnx") this.#add("qtrain's interpreter", file, scores);
  }

  /** Adds how scores compare with labels and the run's, and with those of a reference. */
  #add(where: string, file: string, scores: Float32Array, reference?: Float32Array): void {
    const test = this.#test, { classes } = test, answers = likeliest(scores, classes);
    // Scores may be those of the first images alone.
    const fromRun = differing(answers, likeliest(test.scores, classes));
    const compared = reference && {
      fromFile: differing(answers, likeliest(reference, classes)),
      codes: codeDifference(scores, reference),
    };
    const accuracy = accuracyOf(answers, test);
    this.#result.answers.push({ where, file, accuracy, fromRun, ...compared ?? {} });
    this.log(`${this.#result.run}: ${where} ${file} ${(100 * accuracy).toFixed(2)}%`);
  }

  /** Does tasks, and notes what the runtime refuses. @returns the result of each that was done */
  async #do(place: Place, tasks: readonly Task[]) {
    const { run, problems } = this.#result, { folder, runtimes } = this;
    try {
      const result = await runtimes.do(folder, place, this.#test.shape, tasks);
      for (const [i, { error }] of result.tasks.entries()) {
        if (error === undefined) continue;
        problems.push(`${run}, ${nameOf(place)}, ${tasks[i]!.models.join()}: ${error}`);
      }
      return result;
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      problems.push(`${run}, ${nameOf(place)}: ${error.message}`);
      return undefined;
    }
  }

  /** Answers images with a file, at most some of them. */
  async #answer(
    place: Place,
    file: string,
    levels: readonly string[],
    most = Infinity,
  ): Promise<void> {
    const outputs = [this.#scoresName], model = `scores.${file}`;
    const count = Math.min(most, this.#test.count);
    const tasks = levels.map((level): Task => ({
      kind: "answer",
      models: [model],
      outputs,
      level,
      batch: place.library === "litert" ? 1 : BATCH,
      out: `answers.${level}`,
      count,
    }));
    const result = await this.#do(place, tasks);
    for (const [i, level] of levels.entries()) {
      if (!result || result.tasks[i]!.error !== undefined) continue;
      const bytes = await Deno.readFile(`${this.folder}/answers.${level}.${outputs[0]}`);
      const set = level === "" ? "" : `, ${level}`;
      const part = count < this.#test.count ? `, ${withThousands(count)} images` : "";
      const where = nameOf(place, result) + set + part;
      this.#add(where, file, new Float32Array(bytes.buffer), this.#scores.get(file));
    }
  }

  /** Counts the operators of what ONNX Runtime makes of the file. */
  async #countOperators(): Promise<void> {
    const levels = ["extended", "all"];
    const tasks = levels.map((level): Task => ({
      kind: "open",
      models: ["ort.onnx"],
      outputs: [],
      level,
      optimized: `${level}.onnx`,
    }));
    const result = await this.#do(onnxNode(1), tasks), { operators: counts } = this.#result;
    counts["the file"] = operators(await Deno.readFile(`${this.folder}/ort.onnx`));
    for (const [i, level] of levels.entries()) {
      if (!result || result.tasks[i]!.error !== undefined) continue;
      counts[level] = operators(await Deno.readFile(`${this.folder}/${level}.onnx`));
    }
  }

  async #time(): Promise<void> {
    const { rounds, ms } = this.settings, outputs = [PROBABILITIES];
    for (const threads of [1, 2]) {
      for (const place of [onnxNode(threads), onnxPage(threads), liteRt(threads)]) {
        const lite = place.library === "litert", batches = lite ? [1] : [1, BATCH];
        const models = lite ? ["int8.tflite"] : ["ort.onnx", "float32.onnx"];
        const tasks = batches.map((batch): Task => ({
          kind: "time",
          models,
          outputs,
          batch,
          rounds,
          ms,
        }));
        const result = await this.#do(place, tasks);
        for (const [i, batch] of batches.entries()) {
          const { times: [int8, float32] = [] } = result?.tasks[i] ?? {};
          if (!int8) continue;
          const where = nameOf(place, result);
          this.#result.times.push({ where, threads, batch, int8, ...float32 ? { float32 } : {} });
        }
      }
    }
  }
}

/** A runtime with its version and what it computes on. */
function nameOf({ library, provider }: Place, result?: JobResult): string {
  const names = { "onnxruntime-node": "ONNX Runtime", "onnxruntime-web": "ONNX Runtime web" };
  const name = library === "litert" ? "LiteRT" : names[library];
  const device = provider === "webgpu" && result ? ` (${result.device})` : "";
  return [name, result?.version, provider === "webgpu" ? `WebGPU${device}` : ""].filter(Boolean)
    .join(" ");
}
