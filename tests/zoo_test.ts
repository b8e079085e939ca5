/**
 * Networks by name: their shapes and parameters, and what grouped convolution accepts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { buildGraph } from "../lib/model/graph.ts";
import { type Layer, outline, parameterCount } from "../lib/model/outline.ts";
import { fromNamed, initialValues, toNamed } from "../lib/model/parameters.ts";
import { plan } from "../lib/model/plan.ts";
import { zoo } from "../lib/model/zoo.ts";
import type { LayerInput, RecipeInput } from "../lib/recipe/input.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { LayerSpec } from "../lib/recipe/types.ts";

const IMAGENET = { shape: [224, 224, 3], classes: 1000, mean: [0.5], std: [0.5] } as const;

function recipeOf(model: RecipeInput["model"]) {
  return resolveRecipe({ data: { format: "glyphs" }, model, train: { batch: 1 } });
}

function layersOf(layers: readonly LayerSpec[]): Layer[] {
  return outline(buildGraph(layers, IMAGENET.shape, IMAGENET.classes));
}

const total = (layers: readonly Layer[]) => layers.reduce((sum, l) => sum + l.parameters, 0);
const outputs = (layers: readonly Layer[], names: readonly string[]) =>
  names.map((name) => layers.find((l) => l.name === name)!.output.join("×"));

Deno.test("resnet18 has the parameters and shapes of He et al. and is planned", () => {
  const { program, layers } = plan(recipeOf({ name: "resnet18" }), IMAGENET);
  assert.equal(parameterCount(program), 11_689_512);
  assert.equal(total(layers), 11_689_512);
  assert.deepEqual(
    outputs(layers, ["conv1", "stem-pool", "block2", "block4", "block6", "block8", "linear"]),
    ["112×112×64", "56×56×64", "56×56×64", "28×28×128", "14×14×256", "7×7×512", "1×1×1000"],
  );
});

Deno.test("mobilenet-v2 has the parameters and shapes of Sandler et al.; width is the stem's", () => {
  const layers = layersOf(zoo["mobilenet-v2"]({ width: 32, classes: 1000 }));
  assert.equal(total(layers), 3_504_872);
  const names = ["conv1", "block1-conv3", "block3", "block6", "block10", "block17-conv3", "conv2"];
  assert.deepEqual(
    outputs(layers, names),
    [
      "112×112×32",
      "112×112×16",
      "56×56×24",
      "28×28×32",
      "14×14×64",
      "7×7×320",
      "7×7×1280",
    ],
  );
  assert.equal(layers.find((l) => l.name === "block2-conv2")!.kind, "conv2d 3×3 /2 depthwise");
  // The block of stride 1 between different channels has no residual.
  assert.equal(layers.some((l) => l.name === "block11"), false);
  // torchvision's mobilenet_v2(width_mult=0.5) has as many.
  assert.equal(total(layersOf(zoo["mobilenet-v2"]({ width: 16, classes: 1000 }))), 1_968_680);
});

Deno.test("mobilenet-v2 is planned, with a depthwise weight as PyTorch has it", () => {
  const { program } = plan(recipeOf({ name: "mobilenet-v2" }), IMAGENET);
  assert.equal(parameterCount(program), 3_504_872);
  const weight = program.parameters.find((p) => p.name === "block2-conv2.weight")!;
  assert.deepEqual(weight.dims, [96, 1, 3, 3]);
  assert.equal(program.quantizers[weight.quantizer!]!.elements, 96 * 9);
  const values = initialValues(weight, 1, 0), fanIn = 9;
  const variance = values.reduce((sum, v) => sum + v * v, 0) / values.length;
  assert.ok(Math.abs(variance * fanIn / 2 - 1) < 0.15, `${variance}`);
  const [named] = toNamed(weight, values);
  assert.deepEqual(named!.shape, [96, 1, 3, 3]);
  // Row-major there, tap by tap here.
  assert.equal(named!.data[7 * 9 + 4], values[4 * 96 + 7]);
  assert.deepEqual(fromNamed(weight, () => named!.data), values);
});

Deno.test("the planner refuses groups of several channels, and says what can be done with them", () => {
  const layers: LayerInput[] = [
    { type: "conv2d", channels: 6, kernel: 1, groups: 3 },
    { type: "linear", features: 1000 },
  ];
  assert.throws(() => plan(recipeOf({ layers }), IMAGENET), {
    name: "ModelError",
    message: "layer conv1: expected groups: 1, or groups: 3 with channels: 3 (depthwise), got " +
      "groups: 3 with channels: 6; other groups can be counted (qtrain traffic) but not trained",
  });
});

Deno.test("groups divide channels, in and out, or the layer is named", () => {
  const graph = (channels: number, groups: number) =>
    layersOf([
      { type: "conv2d", channels: 6, kernel: [1, 1], stride: [1, 1], padding: [0, 0], ...one },
      { ...one, type: "conv2d", channels, kernel: [1, 1], stride: [1, 1], padding: [0, 0], groups },
      { type: "linear", features: 1000, bias: false },
    ]);
  const one = { groups: 1, bias: false };
  assert.equal(graph(8, 2)[1]!.parameters, 8 * 3);
  assert.equal(graph(8, 2)[1]!.kind, "conv2d 1×1, 2 groups");
  assert.throws(() => graph(8, 4), {
    name: "ModelError",
    message: "layer conv2: expected its 6 input channels to be a multiple of its groups, got 4 " +
      "groups; for a depthwise convolution, groups and channels are both 6",
  });
  assert.throws(() => graph(8, 3), /layer conv2: expected its 8 output channels to be a multiple/);
});
