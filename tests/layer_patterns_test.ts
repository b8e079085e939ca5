/**
 * `quantize.layers`: settings for the layers whose name a pattern matches.
 *
 * @module
 */
import assert from "node:assert/strict";
import { plan } from "../lib/program/plan.ts";
import { matches } from "../lib/program/quantizer_config.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";

const DATA = { shape: [12, 12, 1], classes: 10, mean: [0.5], std: [0.5] } as const;

function quantizers(quantize: NonNullable<RecipeInput["quantize"]>) {
  const recipe = resolveRecipe({
    data: { format: "glyphs" },
    model: { name: "cnn", width: 4 },
    quantize,
  });
  return plan(recipe, DATA).program.quantizers;
}

Deno.test("a pattern is a name, with * and ?, and | between names", () => {
  const layers = ["input", "conv1", "conv2", "conv10", "layer1-0-conv1", "norm1"];
  const of = (pattern: string) => layers.filter((layer) => matches(pattern, layer));
  assert.deepEqual(of("conv1"), ["conv1"]);
  assert.deepEqual(of("conv?"), ["conv1", "conv2"]);
  assert.deepEqual(of("conv*"), ["conv1", "conv2", "conv10"]);
  assert.deepEqual(of("*conv1 | input"), ["input", "conv1", "layer1-0-conv1"]);
  assert.deepEqual(of("conv.|c[o]nv1|"), []);
});

Deno.test("first and last layer in 8 bits, the gradients of one layer dynamic, the rest in 4", () => {
  const four = { bits: 4 };
  const found = quantizers({
    weights: four,
    activations: four,
    gradients: four,
    layers: [
      { match: "input|conv1|linear", weights: { bits: 8 }, activations: { bits: 8 } },
      { match: "conv3", gradients: { estimator: "current-minmax" } },
      { match: "conv*", gradients: { momentum: 0.5 } },
      { match: "conv4", gradients: { momentum: 0.75 } },
    ],
  });
  const of = (name: string) => found.find((q) => q.name === name)!;
  const bits = (...names: string[]) => names.map((name) => of(name).bits);
  assert.deepEqual(bits("input", "conv1", "conv1.weight", "linear.weight"), [8, 8, 8, 8]);
  assert.deepEqual(bits("conv2.weight", "conv2", "norm1", "conv1.gradient"), [4, 4, 4, 4]);
  assert.deepEqual(found.filter((q) => q.dynamic).map((q) => q.name), ["conv3.gradient"]);
  assert.deepEqual(
    ["conv1", "conv4", "norm1"].map((n) => of(`${n}.gradient`).settings.momentum),
    [0.5, 0.75, 0.9],
  );
});

Deno.test("a pattern that no layer matches is refused, with the layers that there are", () => {
  assert.throws(() => quantizers({ layers: [{ match: "convv1" }] }), {
    name: "ModelError",
    message: "quantize.layers.0.match: expected a pattern that matches a layer, got " +
      '"convv1" (did you mean conv1?); layers are input, conv1, norm1, conv2, norm2, conv3, ' +
      "norm3, conv4, norm4, pool, linear",
  });
});

Deno.test("in simulated arithmetic a class of tensors may be left as it is", () => {
  const arithmetic = "simulated" as const, none = { estimator: "none" };
  const roles = (q: NonNullable<RecipeInput["quantize"]>) =>
    [...new Set(quantizers({ arithmetic, ...q }).map((one) => one.role))].sort();
  assert.deepEqual(roles({ weights: { estimator: "none" }, activations: none }), ["gradient"]);
  assert.deepEqual(roles({ weights: { estimator: "none" }, gradients: none }), [
    "activation",
    "input",
  ]);
  assert.deepEqual(
    roles({
      activations: none,
      gradients: none,
      layers: [{ match: "norm1", activations: { estimator: "fixed", range: [0, 4] } }],
    }),
    ["activation", "weight"],
  );
});

Deno.test("settings that no tensor takes are refused, and why", () => {
  assert.throws(() => quantizers({ layers: [{ match: "norm1", weights: { bits: 4 } }] }), {
    name: "ModelError",
    message: "quantize.layers.0.weights: expected a layer with weights that are quantized on " +
      'their own, got none among those that "norm1" matches; convolutions and linear layers have ' +
      "weights",
  });
  assert.throws(() => quantizers({ layers: [{ match: "linear", activations: { bits: 4 } }] }), {
    message: /the scores of the last layer stay float32/,
  });
  // One of two takes it.
  quantizers({ layers: [{ match: "conv1|linear", activations: { bits: 4 } }] });
});

Deno.test("fixed needs a range, from the entry, an earlier one, or the class", () => {
  const fixed = { match: "norm1", activations: { estimator: "fixed" } };
  assert.throws(() => quantizers({ layers: [fixed] }), {
    name: "ModelError",
    message: /layer norm1, activations: expected range: \[low, high\]/,
  });
  quantizers({ layers: [{ match: "norm*", activations: { range: [0, 4] } }, fixed] });
  quantizers({ activations: { range: [0, 4] }, layers: [fixed] });
});

Deno.test("float32 ignores what it does not use", () => {
  const quantize = { arithmetic: "float32", scheduler: "device" } as const;
  assert.deepEqual(quantizers({ ...quantize, activations: { estimator: "none" } }), []);
});
