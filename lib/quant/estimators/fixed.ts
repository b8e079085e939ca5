/**
 * `fixed`: the range that the recipe gives; no statistics change it.
 *
 * @module
 */
import type { EstimatorDefinition } from "../estimator.ts";

/** See the module's text. */
export const definition: EstimatorDefinition = {
  description: "`range: [low, high]`",
  defaults: {},
  label: ({ range }) => ` [${range?.join(", ")}]`,
  widen: { verb: "widen", setting: "range" },
  make: ({ range: [low, high] = [0, 0] }) => ({
    kind: "static",
    initial: { low, high },
    next: () => ({ low, high }),
  }),
};
