/**
 * Puts a trained network on a device, to answer or to be measured.
 *
 * @module
 */
import { type DataShape, plan, type PlanOptions } from "../program/plan.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { openTestedDevice } from "../runtime/open_tested_device.ts";
import type { TrainedRun } from "./checkpoint/load.ts";
import { Network } from "./network/network.ts";

/** Where a trained network runs. */
export interface DeviceSettings {
  /** Device to run on; `auto` by default. */
  readonly device?: DeviceChoice;
  /** Threads of the CPU, 1–256; by default one for each core. */
  readonly threads?: number;
  /** Tiles of the kernels; `default` by default. */
  readonly tiles?: Tiles;
  /** Called with each warning. */
  readonly warn?: (text: string) => void;
}

/** Which network of a run is used, and where it runs. */
export interface TrainedRunOptions extends DeviceSettings {
  /** Custom estimators, by the names that the recipe uses. */
  readonly estimators?: EstimatorMakers;
  /** Uses the checkpoint with the best test accuracy instead of the latest. */
  readonly best?: boolean;
}

/**
 * Plans a run's network for inference and loads its weights and ranges.
 *
 * @param data shape, classes and normalization of the images
 * @param reuse false: every tensor can be read after a step
 * @returns the network; the caller closes its executor
 */
export async function openNetwork(
  { recipe, checkpoint, makers }: TrainedRun,
  data: DataShape,
  options: DeviceSettings,
  { reuse }: Pick<PlanOptions, "reuse"> = {},
): Promise<Network> {
  const { program } = plan(recipe, data, { estimators: makers, inference: true, reuse });
  const before = checkpoint.trainerState.device;
  const device = await openTestedDevice(options.device, program, { ...options, before });
  const executor = await device.createExecutor(program, { memory: recipe.memory });
  try {
    const { seed, quantize } = recipe;
    const network = new Network(program, executor, seed, quantize, data, { estimators: makers });
    network.load(checkpoint, false);
    return network;
  } catch (error) {
    executor.close();
    throw error;
  }
}
