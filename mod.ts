/**
 * qtrain as a library: trains convolutional networks with 8-bit weights, activations and gradients
 * through WebGPU.
 *
 * @example
 * ```ts
 * import { train } from "./mod.ts";
 *
 * const recipe = { data: { format: "glyphs" }, model: { name: "cnn" } } as const;
 * for await (const event of train(recipe)) {
 *   if (event.type === "epoch") console.log(event.epoch, event.testAccuracy);
 * }
 * ```
 *
 * @module
 */
export { formatRecipe, loadRecipe, parseRecipe, resolveRecipe } from "./lib/recipe/load.ts";
export type * from "./lib/recipe/types.ts";
export type * from "./lib/recipe/input.ts";

export { train } from "./lib/train/train.ts";
export type { TrainOptions } from "./lib/train/train.ts";
export type * from "./lib/train/events.ts";
export { evaluate } from "./lib/train/evaluate.ts";
export type { EvaluateOptions, Evaluation } from "./lib/train/evaluate.ts";
export { predict } from "./lib/train/predict.ts";
export type { Likelihood, Prediction, PredictOptions, Unanswered } from "./lib/train/predict.ts";
export { RunFolder } from "./lib/train/run_folder.ts";
export type { CheckpointFile, RunFolderOptions } from "./lib/train/run_folder.ts";
export type { NetworkState } from "./lib/train/network.ts";
export type { WeightsState } from "./lib/train/weights.ts";
export { exportRun } from "./lib/train/export_run.ts";

export { plan } from "./lib/model/plan.ts";
export type { DataShape, Plan, PlanOptions } from "./lib/model/plan.ts";
export type { Layer } from "./lib/model/outline.ts";
export type { NamedTensor } from "./lib/model/parameters.ts";
export { zoo } from "./lib/model/zoo.ts";
export type { ZooNetwork } from "./lib/model/zoo.ts";
export type { ZooOptions } from "./lib/model/blocks.ts";
export type * from "./lib/program.ts";

export { openDevice } from "./lib/open_device.ts";
export type { Device, DeviceChoice, DeviceOptions } from "./lib/open_device.ts";
export type { Gpu, GpuOptions } from "./lib/gpu/device.ts";
export type { ExecutorOptions } from "./lib/gpu/executor.ts";
export type { Tiles } from "./lib/gpu/tuning.ts";
export type { Copies, Executor } from "./lib/executor.ts";

export { estimators } from "./lib/quant/estimators.ts";
export type { Estimator, EstimatorMaker, EstimatorMakers, Seen } from "./lib/quant/estimator.ts";
export type { Fidelity } from "./lib/train/fidelity.ts";
export type { Observation } from "./lib/quant/scheduler.ts";
export type { Statistic } from "./lib/quant/statistics.ts";
export type { Range } from "./lib/quant/range.ts";

export * from "./lib/errors.ts";
export { VERSION } from "./lib/version.ts";
