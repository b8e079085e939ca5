/**
 * `deno task test:exported [IMAGE…]`: trains small networks, exports them, and runs the programs of their
 * cards as they stand, in Python, Node and Chromium, on JPEGs of odd sizes and on the images given. Class
 * and probability must be those of `qtrain predict FILE IMAGE`.
 *
 *     --packages DIR      folder with the packages of npm, and with venv (qtrain-exported in the temporary folder)
 *     --python PROGRAM    by default DIR/venv/bin/python, or python3
 *     --browser PROGRAM   by default chromium
 *
 * What is not installed is a row of the table with the command that installs it. Exits with 1 when an
 * answer differs.
 *
 * @module
 */
import "../support/isolate.ts";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { shellWord } from "../../lib/core/text.ts";
import type { Description } from "../../lib/export/description.ts";
import { type Snippet, snippetsFor } from "../../lib/export/snippets.ts";
import type { RecipeInput } from "../../lib/recipe/recipe.ts";
import { exportRun } from "../../lib/train/export/export.ts";
import { predict, type Prediction } from "../../lib/train/predict.ts";
import { jpeg } from "../support/images.ts";
import { jpegOf } from "../support/jpeg_encode.ts";
import { writePhotos } from "../support/photos.ts";
import { runOf } from "../support/runs.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    packages: { type: "string" },
    python: { type: "string" },
    browser: { type: "string", default: "chromium" },
  },
});
const TEMPORARY = Deno.build.os === "windows"
  ? Deno.env.get("TEMP")!
  : Deno.env.get("TMPDIR") ?? "/tmp";
const PACKAGES = await realPath(options.packages ?? `${TEMPORARY}/qtrain-exported`);
const VENV = `${PACKAGES}/venv`;
const PYTHON = options.python ??
  (await exists(`${VENV}/bin/python`) ? `${VENV}/bin/python` : "python3");

const BROWSER = await pathOf(options.browser);

/** Widths, heights and orientations of images: larger, smaller, narrow, turned. */
const SIZES = [
  [101, 67, 1],
  [67, 101, 1],
  [37, 23, 6],
  [17, 9, 1],
  [1001, 333, 3],
  [640, 481, 8],
] as const;

/** The path of a program; its name where it is not found. */
async function pathOf(program: string): Promise<string> {
  return await output("sh", ["-c", 'command -v "$0"', program]).catch(() => program);
}

/** What a program needs. */
interface Needs {
  /** Packages of npm. */
  readonly npm?: readonly string[];
  /** Packages of pip, with the modules to import. */
  readonly pip?: Readonly<Record<string, string>>;
  readonly programs: readonly string[];
}

const NEEDS: Readonly<Record<Description["format"], Readonly<Record<string, Needs>>>> = {
  onnx: {
    Python: {
      pip: { onnxruntime: "onnxruntime", pillow: "PIL", numpy: "numpy" },
      programs: [PYTHON],
    },
    Node: { npm: ["onnxruntime-node", "sharp"], programs: ["node"] },
    Browser: { npm: ["onnxruntime-web", "playwright-core"], programs: ["node", BROWSER] },
  },
  tflite: {
    Python: {
      pip: { "ai-edge-litert": "ai_edge_litert", pillow: "PIL", numpy: "numpy" },
      programs: [PYTHON],
    },
    Browser: { npm: ["@litertjs/core", "playwright-core"], programs: ["node", BROWSER] },
  },
};

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function realPath(path: string): Promise<string> {
  return await Deno.realPath(path).catch(() => path);
}

/** Runs a program. @throws Error with what it said, when it fails */
async function output(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    ...(cwd === undefined ? {} : { cwd }),
    env: { PYTHONIOENCODING: "utf-8" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${program}: ${decoder.decode(stderr).trim().slice(-1000)}`);
  return decoder.decode(stdout).trim();
}

/** The command that installs what a program lacks; `undefined` when all is there. */
async function missing({ npm = [], pip = {}, programs }: Needs): Promise<string | undefined> {
  for (const program of programs) {
    if (await output(program, ["--version"]).catch(() => undefined)) continue;
    return `install ${program}`;
  }
  const absent = [];
  for (const name of npm) if (!await exists(`${PACKAGES}/node_modules/${name}`)) absent.push(name);
  const folder = shellWord(PACKAGES);
  if (absent.length > 0) return `npm install --prefix ${folder} ${absent.join(" ")}`;
  const modules = Object.values(pip);
  if (modules.length === 0) return undefined;
  const there = await output(PYTHON, ["-c", `import ${modules.join(", ")}`]).then(
    () => true,
    () => false,
  );
  const venv = shellWord(VENV);
  return there
    ? undefined
    : `python3 -m venv ${venv} && ${venv}/bin/pip install ${Object.keys(pip).join(" ")}`;
}

const FLOAT32 = "float32", RUN = " run";

/** Trains the networks, and exports them. @returns the files */
async function makeFiles(folder: string): Promise<string[]> {
  const train = { epochs: 3, batch: 8, optimizer: { lr: 0.05 } }, root = `${folder}/data`;
  await writePhotos(root, ["disc", "frame", "bar"], { train: 24, val: 8 });
  const odd = `it's a "bar" <β>`; // Its name has to come through all quotes.
  for (const split of ["train", "val"]) {
    await Deno.rename(`${root}/${split}/bar`, `${root}/${split}/${odd}`);
  }
  const photos: RecipeInput = {
    data: { format: "folder", root, size: [20, 28] },
    model: { name: "cnn", width: 8 },
    train,
  };
  const glyphs: RecipeInput = {
    data: { format: "glyphs", size: 13, train: 320, test: 100 },
    model: { name: "cnn", width: 8 },
    train,
  };
  const runs = [
    ["photos", photos, [".onnx", ".tflite"]],
    [`${FLOAT32} photos`, { ...photos, quantize: { arithmetic: "float32" } }, [".onnx"]],
    ["glyphs", glyphs, [".onnx", ".tflite"]],
  ] as const;
  const files: string[] = [];
  for (const [name, recipe, endings] of runs) {
    await runOf(recipe, { out: `${folder}/${name}${RUN}`, device: "cpu" });
    for (const ending of endings) {
      const file = `${folder}/${name}${ending}`;
      await exportRun(`${folder}/${name}${RUN}`, file, { device: "cpu", maxDrop: 100 });
      files.push(file);
    }
  }
  return files;
}

async function makeImages(folder: string): Promise<string[]> {
  const images: string[] = [];
  const write = async (name: string, bytes: Uint8Array) => {
    images.push(`${folder}/${name}.jpg`);
    await Deno.writeFile(images.at(-1)!, bytes);
  };
  for (const [seed, [width, height, orientation]] of SIZES.entries()) {
    await write(`${width} by ${height}`, await jpegOf(width, height, { seed, orientation }));
  }
  for (const kind of ["grey", "progressive", "restarts"]) await write(kind, jpeg(kind));
  return images;
}

/** What a program must answer. */
type Answer = Pick<Prediction, "class" | "probability" | "top">;

async function answersOf(file: string, images: readonly string[]): Promise<Answer[]> {
  const answers = await Array.fromAsync(predict(file, images, { top: 2 }));
  return answers.map((answer) => {
    if ("error" in answer) throw new Error(answer.error);
    return answer;
  });
}

/** Runs a program on each image. @returns what it printed for each */
async function runSnippet(
  { title, file, code }: Snippet,
  folder: string,
  images: readonly string[],
): Promise<string[]> {
  await Deno.writeTextFile(`${folder}/${file}`, code);
  if (title === "Browser") {
    const script = fileURLToPath(new URL("exported_browser.mjs", import.meta.url));
    const text = await output("node", [script, PACKAGES, BROWSER, folder, file, ...images]);
    return text.split("\n");
  }
  const printed: string[] = [];
  for (const image of images) {
    printed.push(await output(title === "Python" ? PYTHON : "node", [file, image], folder));
  }
  return printed;
}

/** Runs the programs of a file's card. */
async function testFile(file: string, images: readonly string[]): Promise<Row[]> {
  const folder = file.slice(0, -basename(file).length - 1),
    expected = await answersOf(file, images);
  const description: Description = JSON.parse(await Deno.readTextFile(`${file}.json`));
  const { format, quantizers } = description, rows: Row[] = [];
  // LiteRT may round a score to another code than TFLite's definition does; ONNX Runtime does not.
  const scale = format === "tflite" ? quantizers.at(-1)!.scale : 0,
    most = Math.max(1e-3, scale / 2);
  if (file.includes(FLOAT32)) {
    // The file of an int8 run has its norms folded, and answers a little different.
    const run = await answersOf(file.replace(/\.\w+$/, RUN), images);
    const printed = run.map((answer) => `${answer.class} ${answer.probability}`);
    rows.push({ file: basename(file), program: "the run", ...compare(printed, expected, most) });
  }
  for (const snippet of snippetsFor(description)) {
    const where = { file: basename(file), program: snippet.title };
    const lack = await missing(NEEDS[format][snippet.title]!);
    if (lack !== undefined) {
      rows.push({ ...where, result: `not run: ${lack}`, failed: false });
      continue;
    }
    try {
      rows.push({
        ...where,
        ...compare(await runSnippet(snippet, folder, images), expected, most),
      });
    } catch (error) {
      rows.push({ ...where, result: (error as Error).message, failed: true });
    }
  }
  return rows;
}

function compare(
  printed: readonly string[],
  expected: readonly Answer[],
  most: number,
): Pick<Row, "result" | "failed"> {
  let largest = 0, same = 0;
  for (const [n, { class: name, probability, top }] of expected.entries()) {
    const [, its = "", text = ""] = /^(.*) ([\d.e-]+)$/.exec(printed[n] ?? "") ?? [];
    const difference = Math.abs(Number(text) - probability);
    const tie = probability - top[1]!.probability < 2 * most && its === top[1]!.class;
    if ((its === name || tie) && difference <= most) same++;
    largest = Math.max(largest, text === "" ? 1 : difference);
  }
  return {
    result: `${same} of ${expected.length} answers the same, probabilities to ${
      largest.toFixed(5)
    }`,
    failed: same < expected.length,
  };
}

interface Row {
  readonly file: string;
  readonly program: string;
  readonly result: string;
  readonly failed: boolean;
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "qtrain-exported-" });
  try {
    await Deno.symlink(`${PACKAGES}/node_modules`, `${folder}/node_modules`);
    const files = await makeFiles(folder), images = await makeImages(folder);
    const given = await Promise.all(positionals.map(realPath));
    for (const file of files) {
      for (
        const { file: name, program, result, failed } of await testFile(file, [...images, ...given])
      ) {
        console.log(`${failed ? "FAILED " : ""}${name}, ${program}: ${result}`);
        if (failed) Deno.exitCode = 1;
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

await main();
