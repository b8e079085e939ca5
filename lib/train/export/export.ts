/**
 * Writes a trained network as a file for other programs, and checks the file before it is announced:
 * it is read back, and answers the test images beside the run.
 *
 * @module
 */
import { basename } from "node:path";
import { UsageError } from "../../core/errors.ts";
import { readBytes } from "../../core/files.ts";
import { countImages } from "../../core/image_count.ts";
import { decodeSafetensors } from "../../core/safetensors.ts";
import { DataLoader } from "../../data/loader.ts";
import { cardOf } from "../../export/card.ts";
import { describeFile, type Description } from "../../export/description.ts";
import { foldNetwork } from "../../export/fold.ts";
import { encodeMetadata, type Interpreter } from "../../export/model_file.ts";
import type { ExportNetwork, Quantizer } from "../../export/network.ts";
import { encodeOnnx, type OnnxTarget } from "../../export/onnx/encode.ts";
import { openOnnx } from "../../export/onnx/interpret.ts";
import { openModelFile } from "../../export/open.ts";
import { encodeTflite } from "../../export/tflite/encode.ts";
import { quantizerOf } from "../../quant/range.ts";
import { loadRun, type TrainedRun } from "../checkpoint/load.ts";
import { openNetwork, type TrainedRunOptions } from "../open_network.ts";
import { checkFile, rangeOfScores } from "./check.ts";
import { type LayerDifference, worstLayer } from "./layer_differences.ts";
import { dropOf, rejection, usualMaxDrop } from "./rejection.ts";
import { expectReplaceable } from "./replaceable.ts";
import type { ExportCheck, ExportReport } from "./report.ts";
import { StagedFiles } from "./staged_files.ts";
import { openTestImages, sampleTestImages, type TestImages } from "./test_images.ts";
import { trainedNetwork } from "./trained_network.ts";
import { exportWeights } from "./weights.ts";

/** Options of an export. */
export interface ExportOptions extends TrainedRunOptions {
  /** What an ONNX file is written for; `ort` by default. */
  readonly target?: OnnxTarget;
  /** Writes real values in place of int8 codes; always so for a run in float32. ONNX only. */
  readonly float32?: boolean;
  /** Number of test images to check the file with; by default all. 0: not checked. */
  readonly check?: number;
  /**
   * Percentage points of accuracy that the file may have less than the run; by default 1, or two
   * standard errors where the images are too few to tell.
   */
  readonly maxDrop?: number;
  /** Changes to the run's recipe, `key=value` each: where its data is now. */
  readonly overrides?: readonly string[];
  /** Called now and then with how far it is, once it takes a few seconds. */
  readonly progress?: (text: string) => void;
  /** Ends the check between two batches, with the signal's reason; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/** Images that set the range of the scores. */
const MAX_RANGE_IMAGES = 1000;
/** Images that the layers of a file which has lost accuracy are compared over. */
const MAX_COMPARED_IMAGES = 16;

/** Room on each side of these scores, as a share of their range: other images may have larger ones. */
const SCORE_MARGIN = 0.1;
/** Images of a batch that the folded network computes at once. */
const MAX_BATCH = 16;

/**
 * Writes a run's network as a file. The ending of `out` decides the format: `.onnx`, `.tflite` (int8)
 * or `.safetensors` (float32 weights with PyTorch's names).
 *
 * ONNX and TFLite take images as they are, uint8 [batch, height, width, channels], and give
 * probabilities. int8 files have the ranges that training used, so no calibration data is needed. Batch
 * norm is folded into the convolution before it, which leaves out a quantizer: so the file is
 * read back, and its answers to the test images are compared with those of the run.
 *
 * @param path the run's folder
 * @param out the file to write; description and card are written beside it
 * @throws UsageError for options that do not go together, or that the run cannot give; DataError when
 * the folder holds no run or no intact checkpoint, the test images are missing, or the file answers
 * worse than `maxDrop` allows: it is then left beside `out`, as `NAME.rejected.onnx`
 */
export async function exportRun(
  path: string,
  out: string,
  options: ExportOptions = {},
): Promise<ExportReport> {
  const format = formatOf(out);
  checkOptions(format, options);
  const names = { out, staged: withWord(out, "unchecked"), kept: withWord(out, "rejected") };
  await expectReplaceable(Object.values(names));
  if (format === "safetensors") return await writeWeights(path, names, options);
  const run = await loadRun(path, options);
  const float32 = options.float32 || run.recipe.quantize.arithmetic === "float32";
  if (float32 && format === "tflite") {
    throw new UsageError(
      `${out}: expected a run in int8, as qtrain writes int8 networks alone in TFLite, got one in ` +
        "float32; give a name that ends in .onnx",
    );
  }
  const trained = trainedNetwork(run), network = foldNetwork(trained, float32);
  const target = options.target ?? "ort", { staged } = names, files = new StagedFiles();
  const test = await openTestImages(path, run, { ...options, needed: format === "tflite" });
  try {
    const naming = {
      name: run.recipe.name,
      metadata: encodeMetadata(trained.spec, run.checkpoint.recipe),
    };
    const logits = format === "tflite" ? await scoresOf(network, naming, test!.loader) : undefined;
    const bytes = logits
      ? encodeTflite(network, { ...naming, logits })
      : encodeOnnx(network, { ...naming, target });
    await files.write(staged, out, bytes);
    const file = openModelFile(await readBytes(staged), staged);
    const check = test && test.count > 0
      ? await checkAgainstRun(file, run, test, options)
      : undefined;
    const maxDrop = options.maxDrop ?? (check ? usualMaxDrop(check) : 0);
    if (check && dropOf(check) > maxDrop) {
      const worst = await compareLayers(file, network, run, test!, options);
      await files.rename(staged, names.kept);
      throw rejection(names.kept, check, worst, { path, trained, maxDrop, float32 });
    }
    const described = await describeFile({
      name: basename(out),
      format,
      ...(logits ? { logits } : { target }),
      bytes,
      network,
      spec: trained.spec,
      data: run.recipe.data.format,
      recipe: run.checkpoint.recipe,
      step: run.checkpoint.trainerState.step,
      ...(check ? { check } : {}),
    });
    return await announce(described, names, files, check);
  } finally {
    await files.remove();
    test?.loader.close();
  }
}

/** Gives a file its name, beside its description and its card. */
async function announce(
  description: Description,
  { staged, out }: { readonly staged: string; readonly out: string },
  files: StagedFiles,
  check: ExportCheck | undefined,
): Promise<ExportReport> {
  const { format, target, arithmetic, bytes, parameters, input: { shape } } = description;
  const [json, card] = [`${out}.json`, `${out}.md`];
  await files.write(`${staged}.json`, json, JSON.stringify(description, null, 2) + "\n");
  await files.write(`${staged}.md`, card, cardOf(description));
  await files.publish();
  return {
    file: out,
    description: json,
    card,
    format,
    ...(target ? { target } : {}),
    arithmetic,
    shape: [shape[1], shape[2], shape[3]],
    bytes,
    float32Bytes: 4 * parameters,
    ...(check ? { check } : {}),
  };
}

type Format = ExportReport["format"];

/** @throws UsageError for a name that ends in something else */
function formatOf(out: string): Format {
  const ending = /\.(onnx|tflite|safetensors)$/i.exec(out)?.[1]?.toLowerCase();
  if (ending !== undefined) return ending as Format;
  throw new UsageError(
    `--out: expected a file name that ends in .onnx, .tflite or .safetensors, got ${
      JSON.stringify(out)
    }`,
  );
}

/** How messages call the options that not every format has. */
const OPTION_NAMES = {
  target: "--target",
  float32: "--float32",
  check: "--check",
  maxDrop: "--max-drop",
  overrides: "data.root",
  device: "--device",
  threads: "--threads",
} as const satisfies Partial<Record<keyof ExportOptions, string>>;

/** @throws UsageError for options that another format has */
function checkOptions(format: Format, options: ExportOptions): void {
  const { check, maxDrop, target } = options;
  const refuse = (name: string, expected: string, got: unknown): never => {
    throw new UsageError(`${name}: expected ${expected}, got ${got}`);
  };
  if (check !== undefined && check !== Infinity && !(Number.isInteger(check) && check >= 0)) {
    refuse("check", "a whole number of at least 0", check);
  }
  if (maxDrop !== undefined && !(maxDrop >= 0 && maxDrop <= 100)) {
    refuse("maxDrop", "percentage points from 0 to 100", maxDrop);
  }
  if (target !== undefined && !["ort", "web", "tensorrt"].includes(target)) {
    refuse("target", "ort, web or tensorrt", target);
  }
  const names = Object.keys(OPTION_NAMES) as (keyof typeof OPTION_NAMES)[];
  const others = { onnx: [], tflite: names.slice(0, 2), safetensors: names }[format];
  const wrong = others.find((name) => options[name] !== undefined && options[name] !== false);
  if (wrong === undefined) return;
  const which = names.indexOf(wrong) < 2 ? ".onnx" : ".onnx or .tflite";
  throw new UsageError(
    `${
      OPTION_NAMES[wrong]
    }: expected with a file name that ends in ${which}, got one that ends in ` +
      `.${format}`,
  );
}

/** `photos.onnx` → `photos.WORD.onnx`. */
function withWord(path: string, word: string): string {
  return path.replace(/(\.[^.]*)$/, `.${word}$1`);
}

/** The quantizer of the scores, from those that the folded network gives to test images. */
async function scoresOf(
  network: ExportNetwork,
  naming: { readonly name: string; readonly metadata: Readonly<Record<string, string>> },
  loader: DataLoader,
): Promise<Quantizer> {
  const exact = openOnnx(encodeOnnx(network, { ...naming, target: "ort" }), "the folded network");
  const count = Math.min(loader.data.test.count, MAX_RANGE_IMAGES);
  const images = sampleTestImages(loader, count, MAX_BATCH);
  const range = await rangeOfScores(exact, network.logits.name, images);
  const margin = SCORE_MARGIN * (range.high - range.low);
  const wide = { low: range.low - margin, high: range.high + margin };
  const { scale, zero } = quantizerOf(wide, 8, false);
  return { scale, zero };
}

/** Answers the test images with both. */
async function checkAgainstRun(
  file: Interpreter,
  run: TrainedRun,
  { loader, count }: TestImages,
  options: ExportOptions,
): Promise<ExportCheck> {
  const network = await openNetwork(run, loader.data, options);
  try {
    const images = sampleTestImages(loader, count, network.program.batch, options.signal);
    return await checkFile(file, network, images, countImages("checking", count, options.progress));
  } finally {
    network.executor.close();
  }
}

/** The layer of the file that differs most from the run's. */
async function compareLayers(
  file: Interpreter,
  exported: ExportNetwork,
  run: TrainedRun,
  { loader, count }: TestImages,
  options: ExportOptions,
): Promise<LayerDifference | undefined> {
  const { recipe } = run, batch = Math.min(count, MAX_COMPARED_IMAGES);
  const small = { ...recipe, train: { ...recipe.train, batch, micro_batch: 0 } };
  const network = await openNetwork({ ...run, recipe: small }, loader.data, options, {
    reuse: false,
  });
  try {
    for await (const images of sampleTestImages(loader, batch, batch)) {
      return await worstLayer(file, network, exported, images);
    }
    return undefined;
  } finally {
    network.executor.close();
  }
}

/** Writes the weights of a run under PyTorch's names, and reads the file back. */
async function writeWeights(
  path: string,
  { out, staged }: { readonly out: string; readonly staged: string },
  { warn, best }: ExportOptions,
): Promise<ExportReport> {
  const bytes = await exportWeights(path, warn, best), files = new StagedFiles();
  try {
    await files.write(staged, out, bytes);
    decodeSafetensors(await readBytes(staged), staged);
    await files.publish();
  } finally {
    await files.remove();
  }
  return { file: out, format: "safetensors", arithmetic: "float32", bytes: bytes.length };
}
