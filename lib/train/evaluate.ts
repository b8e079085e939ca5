/**
 * Evaluates a trained run on its test images.
 *
 * @module
 */
import { withLabelsOf } from "../data/classes.ts";
import type { Dataset } from "../data/dataset.ts";
import { countBatches, countImages } from "../core/image_count.ts";
import { DataLoader } from "../data/loader.ts";
import { openDataset } from "../data/open.ts";
import { openSplit } from "../data/open_split.ts";
import { readManifest, sharesFiles } from "../data/paths/data_manifest.ts";
import { plan } from "../program/plan.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { openTestedDevice } from "../runtime/open_tested_device.ts";
import { DATA_FORMATS } from "../recipe/data_formats.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { Network } from "./network/network.ts";
import type { InputSpec } from "../program/input_spec.ts";
import { loadRun } from "./checkpoint/load.ts";

/** Options of an evaluation. */
export interface EvaluateOptions {
  /** Device to run on; `auto` by default. */
  readonly device?: DeviceChoice;
  /** Threads of the CPU, 1–256; by default one for each core. */
  readonly threads?: number;
  /** Tiles of the kernels; `default` by default. */
  readonly tiles?: Tiles;
  /** Changes to the run's recipe, `key=value` each: where its data is now. */
  readonly overrides?: readonly string[];
  /** Called with each warning. */
  readonly warn?: (text: string) => void;
  /** Called now and then with how far it is, once it takes a few seconds. */
  readonly progress?: (text: string) => void;
  /** Custom estimators, by the names that the recipe uses. */
  readonly estimators?: EstimatorMakers;
  /** Uses the checkpoint with the best test accuracy instead of the latest. */
  readonly best?: boolean;
}

/** Result of an evaluation. */
export interface Evaluation {
  /** Mean cross-entropy over the test images, in nats. */
  readonly loss: number;
  /** Accuracy on the test images, 0–1. */
  readonly accuracy: number;
  /** Number of test images. */
  readonly images: number;
  /** Number of test images left out, by class that the network does not know. */
  readonly leftOut: ReadonlyMap<string, number>;
  /** How the data was read, in words, for formats that may be laid out in several ways. */
  readonly layout?: string;
  /** Training steps done at the checkpoint. */
  readonly step: number;
  /** Path of the checkpoint. */
  readonly checkpoint: string;
  /** Kind of device. */
  readonly device: "gpu" | "cpu";
}

/**
 * Evaluates a run's latest checkpoint on the test images of its recipe, in the arithmetic of its
 * training. Classes are compared by name: data in another place may lack some, have others, or have them
 * in another order. Writes nothing.
 *
 * @param path the run's folder
 * @throws DataError when the folder holds no run or no intact checkpoint, or the data is missing
 * or has none of the network's classes; DeviceError when no device can run it
 */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  const { recipe, checkpoint: found, makers } = await loadRun(path, options);
  const { warn, progress } = options;
  const messages = { ...(warn ? { warn } : {}), ...(progress ? { progress } : {}) };
  const known = found.data; // Absent in checkpoints of earlier versions.
  const whole = await openDataset(forTest(recipe, known), messages);
  const opened = whole.heldOut && !await beganWith(path, recipe, whole) ? allToTest(whole) : whole;
  const { data, leftOut } = withLabelsOf(
    known ?? opened,
    opened,
    `the run in ${path}`,
    warn,
  );
  const { program } = plan(recipe, data, { estimators: makers, inference: true });
  const before = found.trainerState.device;
  const device = await openTestedDevice(options.device, program, { ...options, before });
  const executor = await device.createExecutor(program, { memory: recipe.memory });
  let loader: DataLoader | undefined;
  try {
    const network = new Network(program, executor, recipe.seed, recipe.quantize, data, makers);
    network.load(found, false);
    const { workers } = recipe.data;
    loader = await DataLoader.open(data, { workers, ...messages });
    const report = countImages("evaluating", data.test.count, progress);
    return {
      ...await network.evaluate(countBatches(loader.testBatches(program.batch), report)),
      images: data.test.count,
      leftOut,
      ...(data.layout === undefined ? {} : { layout: data.layout }),
      step: found.trainerState.step,
      checkpoint: found.path,
      device: executor.device,
    };
  } finally {
    loader?.close();
    executor.close();
  }
}

/** The recipe without what it says of training images, and of classes where names tell which count. */
function forTest(recipe: Recipe, known: InputSpec | undefined): Recipe {
  const { data } = recipe;
  if (DATA_FORMATS[data.format].root === undefined) return recipe; // Made as the recipe says.
  // CIFAR's number of classes tells which labels to read.
  const named = known?.classNames !== undefined && data.format !== "cifar";
  return { ...recipe, data: { ...data, train: 0, ...(named ? { classes: 0 } : {}) } };
}

/** Whether a run began with the data, or with some of its images. */
async function beganWith(
  path: string,
  { pathScope }: Recipe,
  { files }: Dataset,
): Promise<boolean> {
  if (!pathScope.isOverridden("data.root") || !files) return true;
  const record = (await readManifest(path))["data.root"];
  return record === undefined || await sharesFiles(record, files);
}

/** Data of which no image was trained on: all of them are measured. */
function allToTest(data: Dataset): Dataset {
  const { train: { source: train }, test: { source: test }, layout = "" } = data;
  if (train?.kind !== "folder" || test?.kind !== "folder") return data;
  const { cache: _, ...files } = test;
  const all = {
    ...files,
    paths: [...train.paths, ...test.paths],
    labels: Uint32Array.from([...train.labels, ...test.labels]),
  };
  const folders = layout.replace(/, [^,]*held out to test$/, "");
  return {
    ...data,
    test: openSplit(all),
    layout: `${folders}, all images to test, as the run began with others`,
  };
}
