/**
 * `current-minmax`: the extremes of the tensor itself.
 *
 * @module
 */
import { type Estimator, type EstimatorDefinition, extremes } from "../estimator.ts";

const RULE = 1;

const estimator: Estimator = {
  kind: "dynamic",
  device: { rule: RULE, settings: [] },
  next: (_, seen) => extremes(seen),
};

/** See the module's text. */
export const definition: EstimatorDefinition = {
  description: "the tensor's own minimum and maximum",
  defaults: {},
  make: () => estimator,
  rule: { number: RULE, of: () => estimator },
};
