/**
 * `delayed-max`: the delayed scaling of FP8 training. The largest |x| of the last `window` steps, times
 * 2^`margin`. A side on which no value ever was stays at 0: after a ReLU no code is spent below it.
 *
 * @module
 */
import { type Estimator, type EstimatorDefinition, magnitude } from "../estimator.ts";

const RULE = 3;

function delayedMax(window: number, factor: number): Estimator {
  return {
    kind: "static",
    memory: window,
    device: { rule: RULE, settings: [window, factor] },
    next: (range, seen, memory) => {
      memory.copyWithin(1, 0, window - 1); // The newest first.
      memory[0] = magnitude(seen);
      let largest = 0;
      for (let i = 0; i < window; i++) largest = Math.max(largest, memory[i]!);
      const bound = Math.fround(largest * factor);
      const below = seen.min < 0 || (range !== undefined && range.low < 0);
      const above = seen.max > 0 || (range !== undefined && range.high > 0);
      return { low: below ? -bound : 0, high: above ? bound : 0 };
    },
  };
}

/** See the module's text. */
export const definition: EstimatorDefinition = {
  description:
    "the largest magnitude of the last `window` iterations, with `margin` powers of two of headroom",
  defaults: { window: 16, margin: 0 },
  label: ({ window, margin }) => ` over ${window} steps, margin ${margin}`,
  widen: { verb: "raise", setting: "margin" },
  make: ({ window, margin }) => delayedMax(window, 2 ** margin),
  rule: { number: RULE, of: ([window = 1, factor = 1]) => delayedMax(window, factor) },
};
