/**
 * `running-minmax`: the average of `hindsight-minmax`, with the tensor itself in it.
 *
 * @module
 */
import type { EstimatorDefinition } from "../estimator.ts";
import { definition as hindsight, hindsightMinmax } from "./hindsight_minmax.ts";

/** See the module's text. */
export const definition: EstimatorDefinition = {
  description: "the moving average, including the tensor itself",
  defaults: { momentum: 0.9 },
  label: hindsight.label!,
  make: ({ momentum }) => ({ ...hindsightMinmax(momentum), kind: "dynamic" }),
};
