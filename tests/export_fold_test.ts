/**
 * Folding: a trained network in the form that other programs run computes what the run computes.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { foldNetwork, type TrainedNetwork, whyNotInt8 } from "../lib/export/fold.ts";
import type { ExportConv } from "../lib/export/network.ts";
import { loadRun } from "../lib/train/checkpoint/load.ts";
import { openNetwork } from "../lib/train/open_network.ts";
import { trainedNetwork } from "../lib/train/export/trained_network.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { computePlainly, randomImages } from "./support/export_networks.ts";
import { runOf } from "./support/runs.ts";

/** Every layer, in all neighbourhoods that folding treats in ways of their own. */
const LAYERS = [
  { type: "conv2d", channels: 6, kernel: 3, padding: 1, bias: true },
  "batch_norm",
  "relu6",
  { type: "max_pool", kernel: 3, stride: 2, padding: 1 },
  "batch_norm",
  "relu",
  {
    type: "residual",
    body: [
      { type: "conv2d", channels: 6, kernel: 3, padding: 1, groups: 6 },
      "batch_norm",
      { type: "conv2d", channels: 5, kernel: 1 },
    ],
    shortcut: [{ type: "conv2d", channels: 5, kernel: 1 }, "batch_norm"],
  },
  "relu6",
  { type: "conv2d", channels: 7, kernel: 3, stride: 2 },
  "relu",
  { type: "avg_pool", kernel: 2, padding: 1, stride: 1 },
  "relu",
  { type: "dropout", rate: 0.3 },
  { type: "linear", features: 9 },
  "relu",
  { type: "linear", features: 10 },
] as const;

const recipe = (quantize: RecipeInput["quantize"], more: Partial<RecipeInput> = {}) =>
  ({
    data: { format: "glyphs", size: 13, train: 128, test: 64 },
    model: { layers: LAYERS },
    quantize,
    train: { epochs: 3, batch: 16, optimizer: { lr: 0.02 } },
    ...more,
  }) as unknown as RecipeInput;

/** Trains for some steps, and computes scores of images in the run and in the folded network. */
async function scoresOf(input: RecipeInput, float32: boolean) {
  const out = await Deno.makeTempDir();
  try {
    await runOf(input, { out, device: "cpu" });
    const run = await loadRun(out, {}), trained = trainedNetwork(run);
    const folded = foldNetwork(trained, float32), images = randomImages(folded, 16);
    const network = await openNetwork(run, trained.spec, { device: "cpu" });
    const labels = new Uint32Array(16);
    const batch = { images: new Uint8Array(images), labels, samples: 16 };
    const own = (await network.logits(batch)).flatMap((scores) => [...scores]);
    network.executor.close();
    const its = [...computePlainly(folded, images, 16).get(folded.logits.name)!];
    return { own, its, folded, trained };
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);

Deno.test("folded in float32, a network gives the scores of its run", async () => {
  for (const ema of [0, 0.9]) {
    const train = { epochs: 2, batch: 16, optimizer: { lr: 0.02 }, ema };
    const { own, its } = await scoresOf(recipe({ arithmetic: "float32" }, { train }), true);
    assert.ok(spread(own) > 0.1);
    for (const [i, score] of own.entries()) {
      assert.ok(Math.abs(score - its[i]!) < 1e-5 * spread(own), `${i}: ${score} ${its[i]}`);
    }
  }
});

for (const arithmetic of ["int8", "simulated"] as const) {
  for (const symmetric of [false, true]) {
    const name = `${arithmetic}${symmetric ? ", symmetric" : ""}`;
    Deno.test(`folded, a network is its run but for rounding between a convolution and its norm: ${name}`, async () => {
      const { own, its, folded } = await scoresOf(
        recipe({ arithmetic, activations: { symmetric } }),
        false,
      );
      const mean = own.reduce((sum, score, i) => sum + Math.abs(score - its[i]!), 0) / own.length;
      assert.ok(mean < 0.03 * spread(own), `${mean} of ${spread(own)}`);
      const ops = folded.nodes.map(({ op, name }) => `${op} ${name}`);
      assert.deepEqual(ops, [
        "conv conv1",
        "max_pool pool1",
        "conv norm2",
        "conv conv2",
        "conv conv3",
        "conv conv4",
        "add residual1",
        "conv conv5",
        "avg_pool pool2",
        "activation relu2",
        "conv linear1",
        "conv linear2",
      ]);
    });
  }
}

Deno.test("weights of an int8 network in float32 are what their codes represent", async () => {
  const { folded, trained } = await scoresOf(recipe({ arithmetic: "int8" }), false);
  const real = foldNetwork(trained, true);
  for (const [i, node] of folded.nodes.entries()) {
    if (node.op !== "conv") continue;
    const { weights } = real.nodes[i] as ExportConv;
    assert.ok("codes" in node.weights && "values" in weights);
    const { codes, scales } = node.weights, size = codes.length / scales.length;
    for (const [at, code] of codes.entries()) {
      const value = code * scales[Math.floor(at / size)]!;
      assert.ok(Math.abs(value - weights.values[at]!) <= 1e-6 * Math.abs(value), node.name);
    }
  }
});

/** A trained network of one convolution and norm whose factor is given. */
function withFactor(gamma: number, beta: number): TrainedNetwork {
  return {
    recipe: {} as never,
    spec: { shape: [4, 4, 1], classes: 2, mean: [0.5], std: [0.5] },
    find: (name, shape) => {
      const n = shape.reduce((a, b) => a * b, 1);
      const value = name.endsWith("norm1.weight")
        ? gamma
        : name.endsWith("norm1.bias")
        ? beta
        : 0.25;
      return new Float32Array(n).fill(value);
    },
    ranges: new Map([["norm1", { low: 0, high: 4 }], ["pool1", { low: 0, high: 4 }]]),
    makers: {},
  };
}

Deno.test("a norm whose factor is nearly zero keeps its shift: bias and scale fit", async () => {
  const { resolveRecipe } = await import("../lib/recipe/load.ts");
  const { estimators } = await import("../lib/quant/estimators/mod.ts");
  const layers = [
    { type: "conv2d", channels: 3, kernel: 3 },
    "batch_norm",
    "relu",
    "global_avg_pool",
    { type: "linear", features: 2 },
  ];
  const resolved = resolveRecipe(
    { data: { format: "idx", root: "none", size: 4, classes: 2 }, model: { layers } } as never,
  );
  for (const gamma of [0, 1e-30, -1e-12, 1e-6, 3]) {
    const trained = { ...withFactor(gamma, 2), recipe: resolved, makers: estimators };
    const [first] = foldNetwork(trained, false).nodes as [ExportConv];
    assert.ok("codes" in first.weights);
    const { bias, scales } = first.weights, x = first.input.quantizer!.scale;
    for (const [k, scale] of scales.entries()) {
      assert.ok(scale > 0 && Number.isFinite(scale));
      const real = bias[k]! * Math.fround(x * scale); // The convolution's bias is the mean.
      assert.ok(Math.abs(real - 2) < 1e-3, `${gamma}: ${real}`);
      assert.ok(Math.abs(bias[k]!) <= 2 ** 30);
    }
  }
});

Deno.test("a network that int8 files cannot hold is refused with the layer and the remedy", async () => {
  const { trained } = await scoresOf(recipe({ arithmetic: "float32" }), true);
  assert.match(whyNotInt8(trained)!, /quantize\.arithmetic: int8 or simulated, got one in float32/);
  const few = recipe({
    arithmetic: "simulated",
    layers: [{ match: "conv5|relu*", activations: { bits: 4 } }],
  });
  const { trained: four } = await scoresOf(few, true);
  assert.match(
    whyNotInt8(four)!,
    /^layer relu\d+: expected activations of 8 bits.*got 4.*--float32/,
  );
  assert.throws(() => foldNetwork(four, false), /expected activations of 8 bits/);
});
