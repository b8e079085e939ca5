/**
 * Measures a run that has been trained: its newest checkpoint on its test images.
 *
 * @module
 */
import { Loader } from "../data/loader.ts";
import { openDataset } from "../data/open.ts";
import { dataOf } from "../data/recipe.ts";
import { plan } from "../program/plan.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { BatchReader } from "../data/batch_reader.ts";
import { openTestedDevice } from "../runtime/open_tested_device.ts";
import { Network } from "./network/network.ts";
import { loadRun } from "./checkpoint/load.ts";

/** How to evaluate. */
export interface EvaluateOptions {
  /** Where: `auto` by default. */
  readonly device?: DeviceChoice;
  /** Which tiles kernels run with: `default` by default. */
  readonly tiles?: Tiles;
  /** `key=value` each, for the run's recipe: where its data is now. */
  readonly overrides?: readonly string[];
  /** Hears of things that are odd but no reason to stop. */
  readonly warn?: (text: string) => void;
  /** Estimators of one's own, by the names that the recipe uses for them. */
  readonly estimators?: EstimatorMakers;
  /** Take the checkpoint with the best test accuracy, not the newest. */
  readonly best?: boolean;
}

/** What a network scores. */
export interface Evaluation {
  /** Mean cross-entropy over the test images, in nats. */
  readonly loss: number;
  /** Share of test images answered right, 0–1. */
  readonly accuracy: number;
  /** How many test images there were. */
  readonly images: number;
  /** Training steps behind the checkpoint. */
  readonly step: number;
  /** The checkpoint's file. */
  readonly checkpoint: string;
  /** Where it ran. */
  readonly device: "gpu" | "cpu";
}

/**
 * Loads a run's newest checkpoint and runs it over the test images of its recipe, in the
 * arithmetic that it was trained in. Writes nothing.
 *
 * @param path the run's folder
 * @throws DataError when it holds no run or no whole checkpoint, or its data is gone; DeviceError
 */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  const { recipe, checkpoint: found, makers } = await loadRun(path, options);
  const warnings = options.warn ? { warn: options.warn } : {};
  const data = await openDataset(dataOf(recipe), warnings);
  const { program } = plan(recipe, data, { estimators: makers, inference: true });
  const device = await openTestedDevice(options.device, program, options);
  const executor = await device.createExecutor(program);
  let loader: Loader | undefined;
  try {
    const network = new Network(program, executor, recipe.seed, recipe.quantize, data, makers);
    network.load(found, false);
    const { workers } = recipe.data;
    loader = await Loader.open(data, { workers, ...warnings });
    const reader = new BatchReader(data, program.batch, loader);
    return {
      ...await network.evaluate(reader.testing()),
      images: data.test.count,
      step: found.trainerState.step,
      checkpoint: found.path,
      device: executor.device,
    };
  } finally {
    loader?.close();
    executor.close();
  }
}
