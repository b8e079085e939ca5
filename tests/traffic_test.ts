/**
 * The model of memory traffic: the rows of the paper, and each kind of layer computed by hand.
 *
 * @module
 */
import assert from "node:assert/strict";
import { buildGraph } from "../lib/program/graph.ts";
import { zoo } from "../lib/model/zoo.ts";
import type { LayerInput } from "../lib/recipe/layers.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { ZooName } from "../lib/recipe/model.ts";
import { type LayerTraffic, modelTraffic } from "../lib/report/traffic.ts";
import { type StaticDynamicBytes, sumBytes } from "../lib/program/ops/traffic.ts";

const KB = 1024;

function ofNetwork(name: ZooName, width: number): LayerTraffic[] {
  return modelTraffic(buildGraph(zoo[name]({ width, classes: 1000 }), [224, 224, 3], 1000));
}

/** The traffic of the layers and a linear layer of 10 scores, on images of [4, 4, 2]. */
function ofLayers(layers: readonly LayerInput[]): Record<string, LayerTraffic> {
  const model = { layers: [...layers, { type: "linear", features: 10, name: "scores" }] } as const;
  const recipe = resolveRecipe({ data: { format: "glyphs" }, model });
  assert.ok("layers" in recipe.model);
  const rows = modelTraffic(buildGraph(recipe.model.layers, [4, 4, 2], 10));
  return Object.fromEntries(rows.map((row) => [row.layer, row]));
}

function find(rows: readonly LayerTraffic[], layer: string): LayerTraffic {
  const row = rows.find((r) => r.layer === layer);
  assert.ok(row, layer);
  return row;
}

const bytes = (fixed: number, quantized = 0): StaticDynamicBytes => ({
  static: fixed,
  dynamic: fixed + 8 * quantized,
});

Deno.test("the model gives the two rows of the paper exactly", () => {
  const { forward: resnet } = find(ofNetwork("resnet18", 64), "layer1-0-conv1");
  assert.deepEqual(resnet, { static: 428 * KB, dynamic: 1996 * KB });
  const { forward: mobilenet } = find(ofNetwork("mobilenet-v2", 32), "features-2-expand-conv");
  assert.deepEqual(mobilenet, { static: 1373.5 * KB, dynamic: 10781.5 * KB });
});

Deno.test("a depthwise convolution has C·k² weights", () => {
  const { forward } = find(ofNetwork("mobilenet-v2", 32), "features-2-depthwise-conv");
  assert.equal(forward.static, 96 * (112 * 112 + 9 + 56 * 56));
});

Deno.test("a convolution counts its reads and writes, and 8 bytes a value more with dynamic ranges", () => {
  const rows = ofLayers([
    { type: "conv2d", name: "first", channels: 6, kernel: 3, padding: 1 },
    { type: "conv2d", name: "second", channels: 4, kernel: 3, stride: 2, padding: 1, groups: 2 },
  ]);
  assert.deepEqual(rows.first!.forward, bytes(32 + 108 + 96, 96));
  // The first layer has no gradient of the images.
  assert.deepEqual(rows.first!.backward, bytes(96 + 32 + 4 * 108));
  assert.deepEqual(rows.second!.forward, bytes(96 + 108 + 16, 16));
  assert.deepEqual(rows.second!.backward, bytes(16 + 108 + 96 + 16 + 96 + 4 * 108, 96));
  assert.deepEqual(rows.scores!.forward, bytes(16 + 160 + 10, 10));
  assert.deepEqual(rows.scores!.backward, bytes(10 + 160 + 16 + 10 + 16 + 4 * 160, 16));
  assert.ok(Object.values(rows).every((row) => row.group === "convolution"));
});

Deno.test("other layers count 8 bytes more for what they quantize, not for what they copy or pass on", () => {
  const rows = ofLayers([
    { type: "conv2d", channels: 2, kernel: 1 },
    { type: "batch_norm", name: "norm" },
    "relu",
    { type: "max_pool", name: "max", kernel: 2 },
    { type: "residual", name: "add", body: [{ type: "relu6", name: "alone" }] },
    { type: "avg_pool", name: "avg", kernel: 2 },
  ]);
  assert.deepEqual(rows.norm!.forward, bytes(32 + 32, 32));
  assert.deepEqual(rows.norm!.backward, bytes(2 * (32 + 32) + 32, 32));
  assert.deepEqual(rows.max!.forward, bytes(32 + 8));
  assert.deepEqual(rows.max!.backward, bytes(8 + 32 + 32, 32));
  assert.deepEqual(rows.add!.forward, bytes(2 * 8 + 8, 8));
  assert.deepEqual(rows.add!.backward, bytes(0));
  assert.deepEqual(rows.alone!.forward, bytes(8 + 8, 8));
  assert.deepEqual(rows.alone!.backward, bytes(0));
  assert.deepEqual(rows.avg!.forward, bytes(8 + 2, 2));
  assert.deepEqual(rows.avg!.backward, bytes(2 + 8, 8));
  assert.equal(rows.relu, undefined);
  assert.ok(["norm", "max", "add", "alone", "avg"].every((name) => rows[name]!.group === "other"));
});

Deno.test("layers before the first trained one have no backward pass", () => {
  const rows = ofLayers([
    { type: "avg_pool", name: "avg", kernel: 2 },
    { type: "batch_norm", name: "norm" },
  ]);
  assert.deepEqual(rows.avg!.backward, bytes(0));
  assert.deepEqual(rows.norm!.backward, bytes(8 + 8), "sums for its own parameters alone");
});

Deno.test("sums add static to static and dynamic to dynamic", () => {
  assert.deepEqual(sumBytes([]), { static: 0, dynamic: 0 });
  assert.deepEqual(sumBytes([bytes(1, 2), bytes(3)]), { static: 4, dynamic: 20 });
});
