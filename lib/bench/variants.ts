/**
 * The variants that whole steps are compared over, and the networks. The first variant of a list is the
 * reference of the ratios.
 *
 * @module
 */
import type { RecipeInput } from "../recipe/recipe.ts";
import type { ZooName } from "../recipe/model.ts";

/** Quantizer settings of a variant. */
export type QuantizeSettings = NonNullable<RecipeInput["quantize"]>;

/** What to time whole steps of. */
export interface Variant {
  readonly name: string;
  readonly quantize: QuantizeSettings;
  /** Threads of the CPU. */
  readonly threads?: number;
}

const sameEstimator = (estimator: string): QuantizeSettings => ({
  activations: { estimator },
  gradients: { estimator },
  scheduler: "device",
});

/** int8 with static and with dynamic ranges, and float32. */
export const ARITHMETIC_VARIANTS: Readonly<Record<string, QuantizeSettings>> = {
  "int8 static": sameEstimator("hindsight-minmax"),
  "int8 dynamic": sameEstimator("current-minmax"),
  "float32": { arithmetic: "float32", scheduler: "auto" },
};

/** Range estimators, on the host and on the device. */
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

/**
 * Returns variants in as many threads of the CPU; and the first one and float32 in one thread too, if
 * `oneThread` and there are more.
 */
export function inThreads(
  variants: Readonly<Record<string, QuantizeSettings>>,
  threads: number,
  oneThread: boolean,
): Variant[] {
  const all = Object.entries(variants).map(([name, quantize]) => ({ name, quantize, threads }));
  if (!oneThread || threads === 1) return all;
  const again = all.filter(({ quantize }, i) => i === 0 || quantize.arithmetic === "float32");
  return [...all, ...again.map((v) => ({ ...v, name: `${v.name}, 1 thread`, threads: 1 }))];
}

/** Networks to time by default. */
export const DEFAULT_MODELS: readonly ZooName[] = ["cnn", "resnet20", "mobilenet-v2"];

/** Image size of each network, and a batch whose step takes less than a second on two cores. */
export const SIZES: Readonly<Record<ZooName, { readonly size: number; readonly batch: number }>> = {
  "cnn": { size: 28, batch: 64 },
  "mlp": { size: 28, batch: 64 },
  "resnet8": { size: 32, batch: 64 },
  "resnet20": { size: 32, batch: 32 },
  "resnet18": { size: 32, batch: 8 },
  "vgg16": { size: 32, batch: 8 },
  "mobilenet-v2": { size: 32, batch: 16 },
};
