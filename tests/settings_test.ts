/**
 * What a person reads of how a network is quantized.
 *
 * @module
 */
import assert from "node:assert/strict";
import { arithmetic } from "../cli/settings.ts";
import type { RecipeInput } from "../lib/recipe/input.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";

const rows = (quantize: NonNullable<RecipeInput["quantize"]>) =>
  arithmetic(resolveRecipe({ data: { format: "glyphs" }, model: { name: "cnn" }, quantize }))
    .map(([name, value]) => `${name}: ${value}`);

Deno.test("every class of tensors says its bits, its estimator and what that goes by", () => {
  assert.deepEqual(
    rows({
      arithmetic: "simulated",
      weights: { bits: 4, per_channel: true },
      activations: { estimator: "delayed-max", window: 8, margin: 1, symmetric: true },
      gradients: { estimator: "dsgc", interval: 50, scale_rate: true, rounding: "nearest" },
      layers: [
        { match: "conv1|linear", weights: { bits: 8 }, activations: { bits: 8 } },
        { match: "norm*", gradients: { estimator: "current-minmax" } },
      ],
      lag: 2,
    }),
    [
      "arithmetic: simulated: f32 that holds quantized values",
      "weights: 4 bits, current-minmax, a range for each output channel",
      "activations: 8 bits, delayed-max over 8 steps, margin 1, symmetric",
      "gradients: 8 bits, dsgc every 50 steps, scales the rate, nearest",
      "layers conv1|linear: weights 8 bits; activations 8 bits",
      "layers norm*: gradients current-minmax",
      "scheduler: host, a lag of 2 steps",
    ],
  );
  assert.deepEqual(
    rows({
      arithmetic: "simulated",
      weights: { estimator: "none" },
      activations: { estimator: "fixed", range: [-1, 4] },
      gradients: { estimator: "hindsight-guarded" },
      scheduler: "auto",
    }),
    [
      "arithmetic: simulated: f32 that holds quantized values",
      "weights: not quantized",
      "activations: 8 bits, fixed [-1, 4]",
      "gradients: 8 bits, hindsight-guarded 0.9, stochastic",
      "scheduler: auto",
    ],
  );
  assert.deepEqual(rows({ arithmetic: "float32", gradients: { bits: 4 } }), [
    "arithmetic: float32, no quantizers",
  ]);
});
