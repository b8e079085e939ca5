/**
 * The estimators that come with qtrain. Adding one means a file beside this one, a line here, its rule
 * in kernels/update_ranges/shader.wgsl, and a test.
 *
 * @module
 */
import type {
  Estimator,
  EstimatorDefinition,
  EstimatorMakers,
  EstimatorSettings,
} from "../estimator.ts";
import { definition as currentMinmax } from "./current_minmax.ts";
import { definition as delayedMax } from "./delayed_max.ts";
import { definition as dsgc } from "./dsgc.ts";
import { definition as fixed } from "./fixed.ts";
import { definition as hindsightGuarded } from "./hindsight_guarded.ts";
import { definition as hindsightMinmax } from "./hindsight_minmax.ts";
import { definition as runningMinmax } from "./running_minmax.ts";

const own = {
  "hindsight-minmax": hindsightMinmax,
  "current-minmax": currentMinmax,
  "running-minmax": runningMinmax,
  "dsgc": dsgc,
  "delayed-max": delayedMax,
  "hindsight-guarded": hindsightGuarded,
  "fixed": fixed,
} as const;

/** The definitions by name. */
export const definitions: Readonly<Record<string, EstimatorDefinition>> = own;

/** The estimators of activations and gradients that come with qtrain, by name. */
export const estimators: EstimatorMakers = Object.fromEntries(
  Object.entries(own).map(([name, { make }]) => [name, make]),
);

/** Every setting at its default. */
export const ESTIMATOR_DEFAULTS = Object.assign(
  {},
  ...Object.values(own).map(({ defaults }) => defaults),
) as Omit<EstimatorSettings, "estimator" | "range">;

const rules = new Map(Object.values(definitions).map(({ rule }) => [rule?.number, rule]));

/** An estimator by the number and settings of its rule in kernels/update_ranges/shader.wgsl. */
export function estimatorOfRule(rule: number, settings: readonly number[]): Estimator | undefined {
  return rules.get(rule)?.of(settings);
}
