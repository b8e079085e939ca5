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
export { UNRESTRICTED } from "./lib/recipe/path_scope.ts";
export type { PathField, PathScope } from "./lib/recipe/path_scope.ts";
export type { AugmentInput, AugmentSpec } from "./lib/recipe/augment.ts";
export type { DataSpec } from "./lib/recipe/data.ts";
export type { DataFormatName } from "./lib/recipe/data_formats.ts";
export type { Loose, Pair, PairInput } from "./lib/recipe/fields.ts";
export type {
  BatchNormSpec,
  Conv2dSpec,
  DropoutSpec,
  LayerBase,
  LayerInput,
  LayerSpec,
  LinearSpec,
  PlainSpec,
  PoolSpec,
  ResidualSpec,
} from "./lib/recipe/layers.ts";
export type { ModelSpec, Variant, ZooName, ZooSpec } from "./lib/recipe/model.ts";
export type {
  ActivationsSpec,
  GradientsSpec,
  LayerQuantizeSpec,
  QuantizeSpec,
  WeightsSpec,
} from "./lib/recipe/quantize.ts";
export type { DistributedSpec, Recipe, RecipeInput } from "./lib/recipe/recipe.ts";
export type { OptimizerSpec, ScheduleSpec, TrainSpec } from "./lib/recipe/train.ts";

export { train } from "./lib/train/train.ts";
export type { TrainOptions } from "./lib/train/options.ts";
export type * from "./lib/train/events.ts";
export { RankError } from "./lib/distributed/ranks.ts";
export { openMpi } from "./lib/distributed/mpi/mpi_ranks.ts";
export type { MpiOptions } from "./lib/distributed/mpi/mpi_ranks.ts";
export type { RankFailure, Ranks, SharedBytes } from "./lib/distributed/ranks.ts";
export { evaluate } from "./lib/train/evaluate.ts";
export type { EvaluateOptions, Evaluation } from "./lib/train/evaluate.ts";
export type { DeviceSettings, TrainedRunOptions } from "./lib/train/open_network.ts";
export type { EvaluationRecord, MistakeRecord } from "./lib/metrics/evaluation_record.ts";
export type {
  CalibrationBin,
  ClassFigures,
  ConfusionCell,
  Mistake,
  PredictionFigures,
} from "./lib/metrics/prediction_metrics.ts";
export type { SplitName } from "./lib/data/dataset.ts";
export { predict } from "./lib/train/predict.ts";
export type {
  ClassProbability,
  Prediction,
  PredictionError,
  PredictOptions,
} from "./lib/train/predict.ts";
export { RunFolder } from "./lib/train/run_folder/run_folder.ts";
export type { CheckpointFile, RunFolderOptions } from "./lib/train/run_folder/run_folder.ts";
export type { NetworkState } from "./lib/train/network/types.ts";
export { exportRun } from "./lib/train/export/export.ts";
export type { ExportOptions } from "./lib/train/export/export.ts";
export type { OnnxTarget } from "./lib/export/onnx/encode.ts";
export type { ExportCheck, ExportReport } from "./lib/train/export/report.ts";

export { plan } from "./lib/program/plan.ts";
export type { DataShape, Plan, PlanOptions } from "./lib/program/plan.ts";
export type { Layer } from "./lib/program/summary.ts";
export type { NamedTensor } from "./lib/program/parameter_layout.ts";
export { zoo } from "./lib/model/zoo.ts";
export type { ZooNetwork } from "./lib/model/zoo.ts";
export type { ZooOptions } from "./lib/model/blocks.ts";
export type * from "./lib/program/program.ts";
export type {
  ConstantKind,
  Constants,
  ElementType,
  Kernel,
  KernelBuffer,
  NonfiniteCount,
  Target,
  Workgroups,
} from "./kernels/define_kernel.ts";
export type { Arithmetic, QuantizerSpec } from "./lib/quant/quantizer.ts";

export { openDevice } from "./lib/runtime/device.ts";
export type { Device, DeviceChoice, DeviceOptions } from "./lib/runtime/device.ts";
export type { Gpu, GpuOptions } from "./lib/runtime/gpu/device.ts";
export type { Tiles } from "./lib/runtime/gpu/autotune.ts";
export type { Copies, Executor, ExecutorOptions } from "./lib/runtime/executor.ts";

export { estimators } from "./lib/quant/estimators/mod.ts";
export type {
  Estimator,
  EstimatorMaker,
  EstimatorMakers,
  EstimatorSettings,
} from "./lib/quant/estimator.ts";
export type { QuantizationError } from "./lib/train/network/in_flight_steps.ts";
export type { Observation } from "./lib/quant/scheduler.ts";
export type { Statistics, UsableStatistics } from "./lib/quant/statistics.ts";
export type { Range } from "./lib/quant/range.ts";

export * from "./lib/core/errors.ts";
export { VERSION } from "./lib/core/version.ts";
