/**
 * Evaluates a trained run on its test images, or on its training images.
 *
 * @module
 */
import type { SplitName } from "../data/dataset.ts";
import { DataLoader } from "../data/loader.ts";
import {
  type ClassFigures,
  classFigures,
  type PredictionFigures,
} from "../metrics/prediction_metrics.ts";
import { classNamesOf } from "../program/input_spec.ts";
import { loadRun } from "./checkpoint/load.ts";
import { measure } from "./measure.ts";
import { openNetwork, type TrainedRunOptions } from "./open_network.ts";
import { openTestData } from "./test_data.ts";

/** Options of an evaluation. */
export interface EvaluateOptions extends TrainedRunOptions {
  /** Changes to the run's recipe, `key=value` each: where its data is now. */
  readonly overrides?: readonly string[];
  /**
   * The images to measure: `test` by default; `train`: those that the network learned from, without
   * augmentation.
   */
  readonly split?: SplitName;
  /** Called now and then with how far it is, once it takes a few seconds. */
  readonly progress?: (text: string) => void;
}

/** Result of an evaluation. */
export interface Evaluation extends PredictionFigures {
  /** The images that were measured. */
  readonly split: SplitName;
  /** Mean cross-entropy over the images, in nats. */
  readonly loss: number;
  /** Accuracy on the images, 0–1. */
  readonly accuracy: number;
  /** Number of images. */
  readonly images: number;
  /** Name of each class, by label: the label as text if the data has no names. */
  readonly classNames: readonly string[];
  /** Precision, recall and F1 of each class, by label. */
  readonly classFigures: readonly ClassFigures[];
  /** Number of images left out, by class that the network does not know. */
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
  const { split = "test", progress } = options;
  const run = await loadRun(path, options), { checkpoint } = run;
  const { data, leftOut } = await openTestData(path, run, options);
  const network = await openNetwork(run, data, options), { executor } = network;
  let loader: DataLoader | undefined;
  try {
    loader = await DataLoader.open(data, { workers: run.recipe.data.workers, ...options });
    const { pictures: _, ...measured } = (await measure(network, loader, split, { progress }))!;
    return {
      split,
      ...measured,
      classNames: classNamesOf(data),
      classFigures: classFigures(data.classes, measured.confusion),
      leftOut,
      ...(data.layout === undefined ? {} : { layout: data.layout }),
      step: checkpoint.trainerState.step,
      checkpoint: checkpoint.path,
      device: executor.device,
    };
  } finally {
    loader?.close();
    executor.close();
  }
}
