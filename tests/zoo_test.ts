/**
 * Networks by name: their shapes and parameters, and what grouped convolution accepts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { buildGraph } from "../lib/program/graph.ts";
import { type Layer, parameterCount, summarize } from "../lib/program/summary.ts";
import { fromNamed, initialValues, toNamed } from "../lib/program/parameter_layout.ts";
import { plan } from "../lib/program/plan.ts";
import type { ZooOptions } from "../lib/model/blocks.ts";
import { zoo } from "../lib/model/zoo.ts";
import type { LayerInput } from "../lib/recipe/layers.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { LayerSpec } from "../lib/recipe/layers.ts";
import type { ZooName } from "../lib/recipe/model.ts";

const IMAGENET = { shape: [224, 224, 3], classes: 1000, mean: [0.5], std: [0.5] } as const;

function recipeOf(model: RecipeInput["model"]) {
  return resolveRecipe({ data: { format: "glyphs" }, model, train: { batch: 1 } });
}

function layersOf(
  layers: readonly LayerSpec[],
  shape: readonly [number, number, number] = IMAGENET.shape,
  classes: number = IMAGENET.classes,
): Layer[] {
  return summarize(buildGraph(layers, shape, classes));
}

/** A network for small images with ten classes. */
function smallOf(name: ZooName, side: number, options: Partial<ZooOptions> = {}): Layer[] {
  const size = [side, side] as const, width = WIDTHS[name] ?? 0;
  return layersOf(zoo[name]({ width, classes: 10, size, ...options }), [side, side, 3], 10);
}
const WIDTHS: Partial<Record<ZooName, number>> = {
  resnet20: 16,
  resnet18: 64,
  vgg16: 64,
  "mobilenet-v2": 32,
  mlp: 256,
};

const total = (layers: readonly Layer[]) => layers.reduce((sum, l) => sum + l.parameters, 0);
const outputs = (layers: readonly Layer[], names: readonly string[]) =>
  names.map((name) => layers.find((l) => l.name === name)!.output.join("×"));
/** Every shape that layers of a kind give, in order, once where several follow each other. */
const shapes = (layers: readonly Layer[], kind: string) =>
  layers.filter((l) => l.kind.startsWith(kind)).map((l) => l.output.join("×"))
    .filter((shape, i, all) => shape !== all[i - 1]);

Deno.test("resnet18 has the parameters and shapes of He et al. and is planned", () => {
  const { program, layers } = plan(recipeOf({ name: "resnet18" }), IMAGENET);
  assert.equal(parameterCount(program), 11_689_512);
  assert.equal(total(layers), 11_689_512);
  assert.deepEqual(
    outputs(layers, ["conv1", "pool1", "layer1-1", "layer2-1", "layer3-1", "layer4-1", "fc"]),
    ["112×112×64", "56×56×64", "56×56×64", "28×28×128", "14×14×256", "7×7×512", "1×1×1000"],
  );
});

Deno.test("vgg16 has the parameters and shapes of Simonyan & Zisserman, with batch norm", () => {
  const layers = layersOf(zoo.vgg16({ width: 64, classes: 1000 }));
  assert.equal(total(layers), 138_365_992);
  assert.deepEqual(shapes(layers, "conv2d"), [
    "224×224×64",
    "112×112×128",
    "56×56×256",
    "28×28×512",
    "14×14×512",
  ]);
  assert.deepEqual(shapes(layers, "max_pool").at(-1), "7×7×512");
  assert.deepEqual(shapes(layers, "linear"), ["1×1×4096", "1×1×1000"]);
  // torchvision's vgg16_bn has its pools at these places of `features`.
  assert.deepEqual(layers.filter((l) => l.kind.startsWith("max_pool")).map((l) => l.name), [
    "features-6",
    "features-13",
    "features-23",
    "features-33",
    "features-43",
  ]);
});

Deno.test("mobilenet-v2 has the parameters and shapes of Sandler et al.; width is the stem's", () => {
  const layers = layersOf(zoo["mobilenet-v2"]({ width: 32, classes: 1000 }));
  assert.equal(total(layers), 3_504_872);
  const projected = (block: number) => `features-${block}-project-norm`;
  assert.deepEqual(
    outputs(layers, ["features-0-conv", ...[1, 3, 6, 10, 13, 16, 17].map(projected)]),
    [
      "112×112×32",
      "112×112×16",
      "56×56×24",
      "28×28×32",
      "14×14×64",
      "14×14×96",
      "7×7×160",
      "7×7×320",
    ],
  );
  assert.deepEqual(outputs(layers, ["features-18-conv", "avgpool"]), ["7×7×1280", "1×1×1280"]);
  const kindOf = (name: string) => layers.find((l) => l.name === name)?.kind;
  assert.equal(kindOf("features-2-depthwise-conv"), "conv2d 3×3 /2 depthwise");
  assert.equal(kindOf("features-12"), "add");
  // The block of stride 1 between different channels has no residual.
  assert.equal(kindOf("features-11"), undefined);
  // torchvision's mobilenet_v2(width_mult=0.5) and (width_mult=1.4) have as many.
  assert.equal(total(layersOf(zoo["mobilenet-v2"]({ width: 16, classes: 1000 }))), 1_968_680);
  assert.equal(total(layersOf(zoo["mobilenet-v2"]({ width: 44.8, classes: 1000 }))), 6_108_776);
});

Deno.test("resnet20 has the parameters of He et al. with projections, on 32×32", () => {
  const layers = smallOf("resnet20", 32);
  assert.equal(total(layers), 272_474);
  assert.deepEqual(
    outputs(layers, ["conv1", "layer1-2", "layer2-2", "layer3-2", "fc"]),
    ["32×32×16", "32×32×16", "16×16×32", "8×8×64", "1×1×10"],
  );
  assert.equal(layers.filter((l) => l.kind.startsWith("conv2d 3×3")).length, 19);
});

Deno.test("mlp reads the whole image, then has two hidden layers", () => {
  const layers = smallOf("mlp", 28);
  assert.equal(total(layers), 28 * 28 * 3 * 256 + 256 + 256 * 256 + 256 + 256 * 10 + 10);
  assert.deepEqual(layers.map((l) => l.name), ["fc1", "relu1", "fc2", "relu2", "fc3"]);
});

Deno.test("images up to 64×64 get the small stem and head, larger ones the paper's", () => {
  const last = (name: ZooName, side: number, options?: Partial<ZooOptions>) => {
    const layers = smallOf(name, side, options);
    return layers.findLast((l) => /pool|add|batch_norm/.test(l.kind) && l.output[0] > 1)?.output[0];
  };
  assert.deepEqual([32, 64, 65, 128].map((side) => last("resnet18", side)), [4, 8, 3, 4]);
  assert.deepEqual([32, 64, 65, 128].map((side) => last("mobilenet-v2", side)), [4, 8, 3, 4]);
  assert.deepEqual([
    last("resnet18", 64, { stem: "imagenet" }),
    last("resnet18", 128, {
      stem: "small",
    }),
  ], [2, 16]);
  const linears = (side: number, options?: Partial<ZooOptions>) =>
    smallOf("vgg16", side, options).filter((l) => l.kind === "linear").map((l) => l.output[2]);
  assert.deepEqual(linears(32), [10]);
  assert.deepEqual(linears(64), [10]);
  assert.deepEqual(linears(96), [4096, 4096, 10]);
  assert.deepEqual(linears(64, { head: "imagenet" }), [4096, 4096, 10]);
  // VGG16 with batch norm for CIFAR-10, as it is usual: 512 features into ten scores.
  assert.equal(total(smallOf("vgg16", 32)), 14_728_266);
});

Deno.test("a recipe's stem and head are auto unless given, and belong to networks that have one", () => {
  const modelOf = (model: RecipeInput["model"]) => recipeOf(model).model;
  assert.deepEqual(modelOf({ name: "resnet18" }), { name: "resnet18", width: 64, stem: "auto" });
  assert.deepEqual(modelOf({ name: "vgg16", head: "small", width: 8 }), {
    name: "vgg16",
    width: 8,
    head: "small",
  });
  assert.throws(() => modelOf({ name: "cnn", stem: "small" }), {
    message:
      "recipe: model.stem: expected no stem beside cnn (resnet18 and mobilenet-v2 have one), " +
      'got "small"',
  });
  assert.throws(() => modelOf({ name: "resnet18", head: "small" }), {
    message: 'recipe: model.head: expected no head beside resnet18 (vgg16 has one), got "small"',
  });
});

Deno.test("mobilenet-v2 is planned, with a depthwise weight as PyTorch has it", () => {
  const { program } = plan(recipeOf({ name: "mobilenet-v2" }), IMAGENET);
  assert.equal(parameterCount(program), 3_504_872);
  const weight = program.parameters.find((p) => p.name === "features-2-depthwise-conv.weight")!;
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
