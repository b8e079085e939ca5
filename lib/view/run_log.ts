/**
 * What the folder of a run tells, as far as it has been written: read again while the run goes on.
 *
 * @module
 */
import { basename } from "node:path";
import { QtrainError } from "../core/errors.ts";
import { readTextIfThere } from "../core/files.ts";
import { isLocked } from "../core/folder_lock.ts";
import { finiteOrNull, isMap } from "../core/json_value.ts";
import {
  decodeEvaluation,
  EVALUATION_FILE,
  type EvaluationRecord,
} from "../metrics/evaluation_record.ts";
import { parseYaml } from "../recipe/yaml.ts";
import { type LogLine, LogTail } from "./log_tail.ts";
import { Points } from "./points.ts";

/**
 * How a run stands: as its summary says; `running` while a process has locked the folder; `stopped`
 * when it has no summary, or went on after it, and nobody writes it: it was killed.
 */
export type RunStatus = "done" | "interrupted" | "diverged" | "running" | "stopped";

/** A logged step. */
export interface StepPoint {
  readonly step: number;
  readonly epoch: number;
  /** In nats; null where it is not a number. */
  readonly loss: number | null;
  /** On the batch, 0–1. */
  readonly accuracy: number | null;
  readonly learningRate: number | null;
  readonly gradientNorm?: number;
  readonly imagesPerSecond: number | null;
  /** 0–1. */
  readonly dataWaitShare: number | null;
  /** Share of activation and gradient values outside their range, 0–1. */
  readonly clipped: number | null;
}

/** An epoch that has ended. */
export interface EpochPoint {
  readonly epoch: number;
  readonly step: number;
  readonly trainLoss: number | null;
  readonly trainAccuracy: number | null;
  readonly testLoss: number | null;
  readonly testAccuracy: number | null;
  /** 0–1; absent below six classes, and in runs of earlier versions. */
  readonly testTop5?: number;
  readonly seconds: number | null;
}

/** A step that was skipped, and where its first number was that is not finite. */
export interface SkipPoint {
  readonly step: number;
  readonly layer: string;
  readonly tensor: string;
}

/** A quantizer at a logged step: the range in use, the observed minimum and maximum. */
export interface RangePoint {
  readonly step: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Share of its values outside the range, 0–1. */
  readonly clipped: number | null;
}

/** What is known of one quantizer. */
export interface QuantizerLog {
  /** Evenly spaced points, and the last one. */
  readonly points: readonly RangePoint[];
  /** Mean clipped share over all logged steps, 0–1. */
  readonly clipped: number;
}

/** What is known of a run. Its parts are replaced, never changed, as the run goes on. */
export interface RunView {
  /** Path of the folder, as given. */
  readonly path: string;
  /** Last part of the path. */
  readonly name: string;
  readonly status: RunStatus;
  /** Where and why it diverged. */
  readonly reason?: string;
  /** `recipe.yaml`, every default written out; empty where it is missing. */
  readonly recipeText: string;
  /** The recipe as a plain value; undefined where it cannot be read. */
  readonly recipe: Readonly<Record<string, unknown>> | undefined;
  /** `summary.json`; undefined before the run ends. */
  readonly summary: Readonly<Record<string, unknown>> | undefined;
  /** Logged steps: evenly spaced, and the last one. */
  readonly steps: readonly StepPoint[];
  readonly epochs: readonly EpochPoint[];
  /** Steps that were skipped because a number was not finite. */
  readonly skips: readonly SkipPoint[];
  /** By name, in the order of the network. */
  readonly quantizers: ReadonlyMap<string, QuantizerLog>;
  /** Mean share of clipped activation and gradient values over all logged steps, 0–1; null without any. */
  readonly clipped: number | null;
  readonly evaluation: EvaluationRecord | undefined;
  /** What could not be read, in words, for the reader of the page: damaged lines, for example. */
  readonly problems: readonly string[];
}

/** Points of a run, and of one of its quantizers, that are kept: more than a figure shows. */
const MAX_STEPS = 4096, MAX_RANGES = 1024;
/** Skipped steps that are kept; a run skips a thousand at most. */
const MAX_SKIPS = 1000;

/** Follows the folder of a run. */
export class RunLog {
  readonly #metrics: LogTail;
  readonly #ranges: LogTail;
  readonly #files: Record<"recipe.yaml" | "summary.json" | typeof EVALUATION_FILE, WholeFile>;
  #steps = new Points<StepPoint>(MAX_STEPS);
  #epochs = new Points<EpochPoint>(MAX_STEPS);
  #skips: SkipPoint[] = [];
  /** Sum of the clipped shares of logged steps, and their number. */
  #clipped = { sum: 0, steps: 0 };
  #quantizers = new Map<string, { points: Points<RangePoint>; clipped: number; lines: number }>();
  #view: RunView | undefined;

  private constructor(readonly path: string, readonly own: boolean) {
    this.#metrics = new LogTail(`${path}/metrics.jsonl`);
    this.#ranges = new LogTail(`${path}/ranges.jsonl`);
    const file = (name: string) => new WholeFile(`${path}/${name}`);
    this.#files = {
      "recipe.yaml": file("recipe.yaml"),
      "summary.json": file("summary.json"),
      [EVALUATION_FILE]: file(EVALUATION_FILE),
    };
  }

  /**
   * Reads the folder of a run. Files that are not there yet are empty.
   *
   * @param own whether it is the caller who has locked the folder, whose run has ended
   * @throws {DataError} when a file cannot be read
   */
  static async open(path: string, own = false): Promise<RunLog> {
    const log = new RunLog(path, own);
    await log.refresh();
    return log;
  }

  /** What is known of the run. */
  get view(): RunView {
    return this.#view!;
  }

  /**
   * Reads what has been written since the last time.
   *
   * @returns whether anything has changed
   * @throws {DataError} when a file cannot be read
   */
  async refresh(): Promise<boolean> {
    const files = await Promise.all(Object.values(this.#files).map((file) => file.refresh()));
    const logs = [
      await this.#metrics.read(() => this.#forgetMetrics(), (line) => this.#addMetrics(line)),
      await this.#ranges.read(() => this.#quantizers.clear(), (line) => this.#addRange(line)),
    ];
    const running = !this.own && await isLocked(this.path), before = this.#view;
    const same = before && running === (before.status === "running");
    if (same && ![...files, ...logs].includes(true)) return false;
    this.#view = this.#describe(running);
    return true;
  }

  #forgetMetrics(): void {
    this.#steps = new Points(MAX_STEPS);
    this.#epochs = new Points(MAX_STEPS);
    this.#skips = [];
    this.#clipped = { sum: 0, steps: 0 };
  }

  #addMetrics(line: LogLine): void {
    const { kind, step } = line, epoch = finiteOrNull(line.epoch) ?? 0;
    if (kind === "step") {
      const clipped = finiteOrNull(line.clipped);
      if (clipped !== null) {
        this.#clipped.sum += clipped;
        this.#clipped.steps++;
      }
      this.#steps.add({
        step,
        epoch,
        loss: finiteOrNull(line.loss),
        accuracy: finiteOrNull(line.accuracy),
        learningRate: finiteOrNull(line.lr),
        ...(finiteOrNull(line.gradient_norm) === null
          ? {}
          : { gradientNorm: finiteOrNull(line.gradient_norm)! }),
        imagesPerSecond: finiteOrNull(line.images_per_second),
        dataWaitShare: finiteOrNull(line.data_wait_share),
        clipped,
      });
    } else if (kind === "epoch") {
      this.#epochs.add({
        step,
        epoch,
        trainLoss: finiteOrNull(line.train_loss),
        trainAccuracy: finiteOrNull(line.train_accuracy),
        testLoss: finiteOrNull(line.test_loss),
        testAccuracy: finiteOrNull(line.test_accuracy),
        ...(finiteOrNull(line.test_top5) === null
          ? {}
          : { testTop5: finiteOrNull(line.test_top5)! }),
        seconds: finiteOrNull(line.seconds),
      });
    } else if (kind === "skip" && this.#skips.length < MAX_SKIPS) {
      this.#skips.push({ step, layer: String(line.layer), tensor: String(line.tensor) });
    }
  }

  #addRange(line: LogLine): void {
    const name = String(line.quantizer), clipped = finiteOrNull(line.clipped);
    const found = this.#quantizers.get(name) ??
      { points: new Points<RangePoint>(MAX_RANGES), clipped: 0, lines: 0 };
    this.#quantizers.set(name, found);
    found.clipped += clipped ?? 0;
    found.lines++;
    found.points.add({
      step: line.step,
      low: finiteOrNull(line.low),
      high: finiteOrNull(line.high),
      min: finiteOrNull(line.min),
      max: finiteOrNull(line.max),
      clipped,
    });
  }

  #describe(running: boolean): RunView {
    const problems = [...this.#damages()];
    const recipeText = this.#files["recipe.yaml"].text ?? "";
    const recipe = this.#recipe(recipeText, problems), summary = this.#summary(problems);
    const steps = this.#steps.list(), epochs = this.#epochs.list();
    const last = Math.max(steps.at(-1)?.step ?? 0, epochs.at(-1)?.step ?? 0);
    const ended = summary && (finiteOrNull(summary.steps) ?? 0) >= last
      ? summary.status
      : undefined;
    const reason = ended && typeof summary!.reason === "string" ? summary!.reason : undefined;
    return {
      path: this.path,
      name: basename(this.path),
      status: running ? "running" : isEnd(ended) ? ended : "stopped",
      ...(!running && reason !== undefined ? { reason } : {}),
      recipeText,
      recipe,
      summary,
      steps,
      epochs,
      skips: this.#skips.slice(),
      quantizers: new Map(
        [...this.#quantizers].map(([name, { points, clipped, lines }]) => [
          name,
          { points: points.list(), clipped: clipped / lines },
        ]),
      ),
      clipped: this.#clipped.steps === 0 ? null : this.#clipped.sum / this.#clipped.steps,
      evaluation: this.#evaluation(problems),
      problems,
    };
  }

  *#damages(): Generator<string> {
    for (const { problem } of Object.values(this.#files)) {
      if (problem !== undefined) yield problem;
    }
    for (const { path, damaged: { count, lines } } of [this.#metrics, this.#ranges]) {
      if (count === 0) continue;
      const more = count > lines.length ? " and others" : "";
      yield `${path}: ${count} damaged line${count === 1 ? "" : "s"} left out (line ${
        lines.join(", ")
      }${more})`;
    }
    if (this.#steps.mixed) {
      yield `${this.path}: steps come twice and not in order, as if two processes had written this ` +
        "folder; of each step the last line counts";
    }
  }

  #recipe(text: string, problems: string[]): RunView["recipe"] {
    if (text === "") return undefined;
    const read = parseYaml(text);
    if ("problem" in read) problems.push(`${this.path}/recipe.yaml:${read.line}: ${read.problem}`);
    else if (isMap(read.value)) return read.value;
    return undefined;
  }

  #summary(problems: string[]): RunView["summary"] {
    const { text, path } = this.#files["summary.json"];
    if (text === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      if (isMap(value)) return value;
    } catch {
      // Said below.
    }
    problems.push(`${path}: expected a JSON object, got something else; it is left out`);
    return undefined;
  }

  #evaluation(problems: string[]): EvaluationRecord | undefined {
    const { text, path } = this.#files[EVALUATION_FILE];
    if (text === undefined) return undefined;
    try {
      return decodeEvaluation(text, path);
    } catch (error) {
      if (!(error instanceof QtrainError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  }
}

/** Bytes of a file that is read as a whole; the largest are evaluations of a thousand classes, of 4 MB. */
const MAX_FILE = 2 ** 26;

/** A file that is replaced as a whole. */
class WholeFile {
  text: string | undefined;
  /** Why it is not read. */
  problem: string | undefined;
  #stamp = "";

  constructor(readonly path: string) {}

  /** Reads it if it has changed. @returns whether it has */
  async refresh(): Promise<boolean> {
    const info = await Deno.stat(this.path).catch(() => undefined);
    const stamp = info ? `${info.size} ${info.mtime?.getTime()} ${info.ino}` : "";
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    const before = this.text, isText = info?.isFile === true && info.size <= MAX_FILE;
    this.problem = info && !isText
      ? `${this.path}: expected a file of at most ${MAX_FILE / 2 ** 20} MiB, got ${
        info.isFile ? `one of ${Math.round(info.size / 2 ** 20)} MiB` : "something else"
      }; it is left out`
      : undefined;
    this.text = isText ? await readTextIfThere(this.path) : undefined;
    return this.text !== before || this.problem !== undefined;
  }
}

const isEnd = (status: unknown): status is "done" | "interrupted" | "diverged" =>
  status === "done" || status === "interrupted" || status === "diverged";
