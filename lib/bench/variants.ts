/**
 * What whole steps are compared over: ways to compute and ways to set ranges, by name. The first of
 * a list is what the others are held against.
 *
 * @module
 */
import type { RecipeInput } from "../recipe/recipe_input.ts";
import type { ZooName } from "../recipe/types.ts";

/** Settings of a variant. */
export type QuantizeSettings = NonNullable<RecipeInput["quantize"]>;

const sameEstimator = (estimator: string): QuantizeSettings => ({
  activations: { estimator },
  gradients: { estimator },
  scheduler: "device",
});

/** int8 with ranges that are known before a kernel runs and with ranges that are not, and float32. */
export const ARITHMETIC_VARIANTS: Readonly<Record<string, QuantizeSettings>> = {
  "int8 static": sameEstimator("hindsight-minmax"),
  "int8 dynamic": sameEstimator("current-minmax"),
  "float32": { arithmetic: "float32", scheduler: "auto" },
};

/** The ways to set ranges, on the host and on the device. */
export const ESTIMATOR_VARIANTS: Readonly<Record<string, QuantizeSettings>> = {
  "hindsight-minmax, device": sameEstimator("hindsight-minmax"),
  "hindsight-minmax, host": {},
  "hindsight-guarded, device": sameEstimator("hindsight-guarded"),
  "dsgc, device": sameEstimator("dsgc"),
  "current-minmax, device": sameEstimator("current-minmax"),
  "running-minmax, device": sameEstimator("running-minmax"),
  "simulated, hindsight-minmax, device": {
    ...sameEstimator("hindsight-minmax"),
    arithmetic: "simulated",
  },
  "float32": { arithmetic: "float32", scheduler: "auto" },
};

/** Networks that are timed unless others are named. */
export const DEFAULT_MODELS: readonly ZooName[] = ["cnn", "resnet20", "mobilenet-v2"];

/** Height and width of the images of a network, and a batch of which a step takes under a second on two cores. */
export const SIZES: Readonly<Record<ZooName, { readonly size: number; readonly batch: number }>> = {
  "cnn": { size: 28, batch: 64 },
  "mlp": { size: 28, batch: 64 },
  "resnet8": { size: 32, batch: 64 },
  "resnet20": { size: 32, batch: 32 },
  "resnet18": { size: 32, batch: 8 },
  "vgg16": { size: 32, batch: 8 },
  "mobilenet-v2": { size: 32, batch: 16 },
};
