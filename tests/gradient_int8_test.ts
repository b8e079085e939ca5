/**
 * Gradients of int8 point where float32's do, layer by layer: same weights, same batch, ranges
 * calibrated on it. The bounds are for networks at first values on 16 random images of 12×12; what
 * remains is noise, most of it from ReLU masks near 0: two bits less at least double it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { zoo } from "../lib/model/zoo.ts";
import type { LayerInput } from "../lib/recipe/layers.ts";
import { filled } from "./support/fill.ts";
import type { Arithmetic, Case } from "./support/networks.ts";

type Gradients = ReadonlyMap<string, Float32Array>;
type Name = "cnn" | "resnet8" | "depthwise";

/** A block of MobileNetV2 with a stride and one with a residual. */
const DEPTHWISE: readonly LayerInput[] = [
  { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
  "batch_norm",
  "relu6",
  { type: "conv2d", channels: 8, kernel: 3, stride: 2, padding: 1, groups: 8, bias: false },
  "batch_norm",
  "relu6",
  { type: "conv2d", channels: 12, kernel: 1, bias: false },
  "batch_norm",
  {
    type: "residual",
    body: [
      { type: "conv2d", channels: 12, kernel: 5, padding: 2, groups: 12 },
      "relu6",
      { type: "conv2d", channels: 12, kernel: 1, bias: false },
      "batch_norm",
    ],
  },
  "global_avg_pool",
  { type: "linear", features: 10 },
];

async function gradientsOf(
  name: Name,
  arithmetic: Arithmetic,
  bits = 8,
  rounding: "stochastic" | "nearest" = "stochastic",
): Promise<Gradients> {
  const test: Case = {
    name,
    image: [12, 12, 1],
    batch: 16,
    classes: 10,
    layers: name === "depthwise" ? DEPTHWISE : zoo[name]({ width: 8, classes: 10 }) as LayerInput[],
    quantize: { weights: { bits }, activations: { bits }, gradients: { bits, rounding } },
  };
  const options = { narrow: 1, spread: false };
  const { program: { sections, parameters }, cpu } = await filled(test, arithmetic, options);
  const forward = sections.forward.filter((step) => step.phase !== "eval");
  cpu.run([...sections.weights, ...forward, ...sections.loss, ...sections.backward]);
  return new Map(parameters.map(({ name }) => [name, cpu.memory.get(`${name}.gradient`)!.f32]));
}

function cosine(a: Float32Array, b: Float32Array): number {
  let ab = 0, aa = 0, bb = 0;
  a.forEach((x, i) => {
    const y = b[i]!;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  });
  return ab / Math.sqrt(aa * bb);
}

/** Smallest cosines of weights (convolution, linear) and of norm parameters and biases. */
const BOUNDS = {
  cnn: { weight: 0.95, other: 0.9 },
  resnet8: { weight: 0.9, other: 0.8 },
  depthwise: { weight: 0.95, other: 0.9 },
};

for (const name of ["cnn", "resnet8", "depthwise"] as const) {
  for (const rounding of ["stochastic", "nearest"] as const) {
    Deno.test(`every int8 gradient points where float32's does: ${name}, ${rounding}`, async () => {
      const expected = await gradientsOf(name, "float32");
      const got = await gradientsOf(name, "int8", 8, rounding);
      for (const [parameter, gradient] of expected) {
        const c = cosine(gradient, got.get(parameter)!);
        const { weight, other } = BOUNDS[name];
        const bound = parameter.endsWith(".weight") ? weight : other;
        assert.ok(c > bound, `${parameter}: cosine ${c}, expected more than ${bound}`);
      }
    });
  }

  Deno.test(`what int8 gradients fall short by is noise that shrinks with bits: ${name}`, async () => {
    const expected = await gradientsOf(name, "float32");
    const eight = await gradientsOf(name, "int8"), six = await gradientsOf(name, "int8", 6);
    for (const [parameter, gradient] of expected) {
      if (!parameter.endsWith(".weight")) continue;
      const short = (got: Gradients) => 1 - cosine(gradient, got.get(parameter)!);
      assert.ok(short(eight) < short(six) / 2, `${parameter}: ${short(eight)}, ${short(six)}`);
    }
  });
}
