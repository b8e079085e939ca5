/**
 * The names that PyTorch gives to the tensors of the zoo's networks.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { buildGraph } from "../lib/program/graph.ts";
import { layersOf } from "../lib/program/plan.ts";
import { pytorchNames } from "../lib/model/pytorch_names.ts";
import { ConvNode } from "../lib/program/ops/conv.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { ZooName } from "../lib/recipe/model.ts";

type Model = Extract<RecipeInput["model"], { name: ZooName }>;

/** The layers of a network. */
function nodesOf(model: Model, side: number) {
  const recipe = resolveRecipe({ data: { format: "cifar", root: "none" }, model });
  const shape = [side, side, 3] as const, classes = 10;
  return buildGraph(layersOf(recipe, { shape, classes }), shape, classes).nodes;
}

/** The tensors that PyTorch has of a network, with their shapes. */
function theirTensors(model: Model, side: number) {
  return nodesOf(model, side).flatMap((node) => {
    const tensors: [part: string, shape: number[]][] = [];
    if (node instanceof ConvNode) {
      const [o, i, h, w] = node.weightDims;
      tensors.push(["weight", node.linear ? [o, i * h * w] : [o, i, h, w]]);
      if (node.bias) tensors.push(["bias", [o]]);
    } else if (node.parameters > 0) {
      for (const part of ["weight", "bias", "running_mean", "running_var"]) {
        tensors.push([part, [node.output.c]]);
      }
    }
    return tensors.map(([part, shape]) => {
      const [theirs] = pytorchNames(model.name, node.name);
      assert.ok(theirs, `${node.name} has a name in PyTorch`);
      return `${theirs}.${part} ${shape.join("×")}`;
    });
  });
}

Deno.test("every layer of a residual network has its name in PyTorch", () => {
  const large = theirTensors({ name: "resnet18" }, 224);
  for (
    const name of [
      "conv1.weight 64×3×7×7",
      "bn1.weight 64",
      "bn1.running_var 64",
      "layer1.0.conv1.weight 64×64×3×3",
      "layer2.0.downsample.0.weight 128×64×1×1",
      "layer2.0.downsample.1.running_mean 128",
      "layer4.1.bn2.bias 512",
      "fc.weight 10×512",
      "fc.bias 10",
    ]
  ) assert.ok(large.includes(name), name);
  // torchvision's state_dict has 122 tensors, 20 of them num_batches_tracked.
  assert.equal(large.length, 102);
  assert.equal(new Set(large).size, 102);
  const small = theirTensors({ name: "resnet20" }, 32);
  for (const name of ["layer3.2.conv2.weight 64×64×3×3", "layer2.0.shortcut.0.weight 32×16×1×1"]) {
    assert.ok(small.includes(name), name);
  }
  assert.ok(small.includes("linear.weight 10×64"));
});

Deno.test("every layer of vgg16 has its name in PyTorch, and its first linear layer PyTorch's order", () => {
  const names = theirTensors({ name: "vgg16", width: 2, head: "imagenet" }, 224);
  for (
    const name of [
      "features.0.weight 2×3×3×3",
      "features.0.bias 2",
      "features.1.running_mean 2",
      "features.40.weight 16×16×3×3",
      "features.41.weight 16",
      "classifier.0.weight 128×784",
      "classifier.3.weight 128×128",
      "classifier.6.bias 10",
    ]
  ) assert.ok(names.includes(name), name);
  assert.equal(names.length, 13 * 6 + 3 * 2);
});

Deno.test("every layer of mobilenet-v2 has its name in PyTorch", () => {
  const names = theirTensors({ name: "mobilenet-v2" }, 224);
  for (
    const name of [
      "features.0.0.weight 32×3×3×3",
      "features.0.1.running_var 32",
      "features.1.conv.0.0.weight 32×1×3×3",
      "features.1.conv.0.1.bias 32",
      "features.1.conv.1.weight 16×32×1×1",
      "features.1.conv.2.weight 16",
      "features.2.conv.0.0.weight 96×16×1×1",
      "features.2.conv.1.0.weight 96×1×3×3",
      "features.2.conv.2.weight 24×96×1×1",
      "features.17.conv.3.running_mean 320",
      "features.18.0.weight 1280×320×1×1",
      "features.18.1.weight 1280",
      "classifier.1.weight 10×1280",
    ]
  ) assert.ok(names.includes(name), name);
  // torchvision's state_dict has 314 tensors, 52 of them num_batches_tracked.
  assert.equal(names.length, 262);
  assert.equal(new Set(names).size, 262);
});

/** A row of the table of names in the docs: S, B and N stand for numbers. */
interface Row {
  readonly layer: string;
  /** Names in PyTorch, the one that an export has first. */
  readonly theirs: readonly string[];
}

/** The rows of the table, by network. */
function tableOfNames(): Map<string, Row[]> {
  const text = Deno.readTextFileSync(new URL("../docs/export.md", import.meta.url));
  const [, table] = text.split("### Names of layers\n"), tables = new Map<string, Row[]>();
  const words = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word!);
  let rows: Row[] = [];
  for (const line of table!.split("\n").filter((line) => /^\|[^|]*\| `/.test(line))) {
    const [networks, layer, ...theirs] = line.split("|").slice(1).map(words);
    if (networks!.length > 0) rows = [];
    for (const network of networks!) tables.set(network, rows);
    rows.push({ layer: layer![0]!, theirs: theirs.flat() });
  }
  return tables;
}

/** The names that a row gives to a layer; `undefined` where it is of another. */
function namesBy({ layer, theirs }: Row, name: string): string[] | undefined {
  const pattern = layer.replace(/[SBN]/g, (letter) => `(?<${letter}>\\d+)`);
  const found = new RegExp(`^${pattern}$`).exec(name);
  return found
    ? theirs.map((text) => text.replace(/[SBN]/g, (letter) => found.groups![letter]!))
    : undefined;
}

Deno.test("the table of names in the docs has every layer of every network, and no more", () => {
  const tables = tableOfNames(), used = new Set<Row>();
  const models: Model[] = [
    { name: "resnet8" },
    { name: "resnet20" },
    { name: "resnet18", stem: "imagenet" },
    { name: "resnet18", stem: "small" },
    { name: "vgg16", width: 2, head: "imagenet" },
    { name: "vgg16", width: 2, head: "small" },
    { name: "mobilenet-v2" },
  ];
  for (const model of models) {
    for (const { name } of nodesOf(model, 64).filter(({ parameters }) => parameters > 0)) {
      // A row with a number of its own comes before one with N.
      const row = tables.get(model.name)!.find((row) => namesBy(row, name));
      const expected = pytorchNames(model.name, name).filter((theirs) => !/^\d/.test(theirs));
      assert.deepEqual(row && namesBy(row, name), expected, `${model.name}: ${name}`);
      used.add(row!);
    }
  }
  assert.deepEqual([...tables.values()].flat().filter((row) => !used.has(row)), []);
  assert.equal(tables.size, 5);
});
