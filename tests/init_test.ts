/**
 * `init`: weights of qtrain and of PyTorch's names, the new head, and every way not to fit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { decodeSafetensors, encodeSafetensors, type TensorInput } from "../lib/core/safetensors.ts";
import { type DataShape, plan } from "../lib/program/plan.ts";
import { pytorchNames } from "../lib/model/pytorch_names.ts";
import { parseRecipe, resolveRecipe } from "../lib/recipe/load.ts";
import { UNRESTRICTED } from "../lib/recipe/path_scope.ts";
import type { ZooName } from "../lib/recipe/model.ts";
import type { Recipe, RecipeInput } from "../lib/recipe/recipe.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../lib/train/checkpoint/checkpoint.ts";
import { encodeChecked } from "../lib/train/checkpoint/checksum.ts";
import { exportWeights } from "../lib/train/export/weights.ts";
import { INITIAL_STATE } from "../lib/train/checkpoint/trainer_state.ts";
import { initialWeights } from "../lib/train/checkpoint/init.ts";
import { Network } from "../lib/train/network/network.ts";
import type { NetworkState } from "../lib/train/network/types.ts";
import { batchOf, uniform } from "./support/fill.ts";
import { writePhotos } from "./support/photos.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const data = (classes: number, side = 32, channels = 3) => ({
  shape: [side, side, channels] as const,
  classes,
  mean: Array<number>(channels).fill(0.5),
  std: Array<number>(channels).fill(0.5),
});

/** A recipe of a network of the zoo; nothing is read but the network. */
const recipeOf = (model: RecipeInput["model"], more: Partial<RecipeInput> = {}) =>
  resolveRecipe({
    pathScope: UNRESTRICTED,
    data: { format: "cifar", root: "none" },
    model,
    train: { batch: 2 },
    ...more,
  });

/** A network of a recipe on the CPU, with first values by the seed. */
function networkOf(recipe: Recipe, shape: DataShape) {
  const { program } = plan(recipe, shape, { inference: true });
  const cpu = new ReferenceExecutor(program.buffers);
  const network = new Network(program, cpu, recipe.seed, recipe.quantize, shape);
  network.initialize();
  return { program, cpu, network };
}

/** Norms away from their first values, as after training. */
function trained(recipe: Recipe, shape: DataShape) {
  const made = networkOf(recipe, shape), { program, cpu } = made;
  program.norms.forEach(({ layer, channels }, index) => {
    const u = uniform(index), running = cpu.memory.get(`${layer}.running`)!.f32;
    const affine = cpu.memory.get(`${layer}.affine`)!.f32;
    for (let c = 0; c < channels; c++) {
      running[c] = (u(c) - 0.5) / 10;
      running[running.length / 2 + c] = 0.5 + u(100 + c);
      affine[c] = 0.7 + u(200 + c);
      affine[affine.length / 2 + c] = u(300 + c) - 0.3;
    }
  });
  return made;
}

/** The tensors of a state as PyTorch calls them, with what else such a file has. */
function pytorchFile(
  { parameters, running }: NetworkState,
  model: ZooName,
  dtype: "F32" | "F16" = "F32",
) {
  const tensors: Record<string, TensorInput> = {};
  for (const { name, shape, data } of [...parameters, ...running]) {
    const dot = name.indexOf("."), [theirs] = pytorchNames(model, name.slice(0, dot));
    const values = dtype === "F32" ? data : new Float16Array(data);
    tensors[theirs + name.slice(dot)] = { dtype, shape, data: values };
    if (!name.endsWith("running_var")) continue;
    const batches = { dtype: "I64", shape: [], data: new BigInt64Array([7n]) } as const;
    tensors[`${theirs}.num_batches_tracked`] = batches;
  }
  return encodeSafetensors(tensors, { format: "pt" });
}

const FLOAT32 = { arithmetic: "float32" } as const;
const NARROW = [
  [{ name: "resnet8", width: 4 }, 16],
  [{ name: "resnet18", width: 4, stem: "imagenet" }, 64],
  [{ name: "vgg16", width: 2, head: "imagenet" }, 64],
  [{ name: "mobilenet-v2", width: 4, stem: "small" }, 16],
] as const;

for (const [model, side] of NARROW) {
  Deno.test(`a file with PyTorch's names gives the outputs of the network it came from: ${model.name}`, async () => {
    const recipe = recipeOf(model, { quantize: FLOAT32 }), shape = data(10, side);
    const from = trained(recipe, shape), batch = batchOf(from.program);
    const expected = await from.network.logits(batch);
    const path = await Deno.makeTempFile({ suffix: ".safetensors" });
    try {
      await Deno.writeFile(path, pytorchFile(await from.network.state(), model.name));
      const other = { ...recipe, seed: 9, init: path }, to = networkOf(other, shape);
      assert.notDeepEqual(await to.network.logits(batch), expected);
      const { find, notes } = await initialWeights(other, to.program, shape);
      to.network.load({ find, ranges: new Map() }, false);
      assert.deepEqual(notes, []);
      assert.deepEqual(await to.network.logits(batch), expected);
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("a linear layer reads its image in PyTorch's order: channels, rows, columns", async () => {
  const layers = [{ type: "linear", name: "fc", features: 3 }] as const;
  const shape = data(3, 4, 2), recipe = recipeOf({ layers }, { quantize: FLOAT32 });
  const u = uniform(1), weight = new Float32Array(3 * 32).map((_, i) => u(i) - 0.5);
  await withFile(
    encodeSafetensors({
      "fc.weight": { dtype: "F32", shape: [3, 32], data: weight },
      "fc.bias": { dtype: "F32", shape: [3], data: new Float32Array([1, 2, 3]) },
    }),
    async (init) => {
      const { program, network } = networkOf(recipe, shape), batch = batchOf(program);
      const { find } = await initialWeights({ ...recipe, init }, program, shape);
      network.load({ find, ranges: new Map() }, false);
      const logits = await network.logits(batch);
      for (let n = 0; n < 2; n++) {
        for (let o = 0; o < 3; o++) {
          let sum = o + 1;
          for (let c = 0; c < 2; c++) {
            for (let y = 0; y < 4; y++) {
              for (let x = 0; x < 4; x++) {
                const pixel = batch.images[((n * 4 + y) * 4 + x) * 2 + c]! / 255;
                sum += weight[o * 32 + (c * 4 + y) * 4 + x]! * (pixel - 0.5) / 0.5;
              }
            }
          }
          assert.ok(Math.abs(sum - logits[n]![o]!) < 1e-5, `${n}, ${o}: ${sum}, ${logits[n]![o]}`);
        }
      }
    },
  );
});

Deno.test("F16 weights are those that halves can hold, and names behind a layer's own are found too", async () => {
  const recipe = recipeOf(NARROW[0][0]), shape = data(10, 16);
  const { network, program } = trained(recipe, shape), state = await network.state();
  const plain = Object.fromEntries(
    [...state.parameters, ...state.running].map((
      { name, shape, data },
    ) => [name, { dtype: "F32", shape, data } as const]),
  );
  await withFile(pytorchFile(state, "resnet8", "F16"), async (init) => {
    const { find } = await initialWeights({ ...recipe, init }, program, shape);
    for (const { name, shape, data } of state.parameters) {
      assert.deepEqual([...find(name, shape)], [...new Float16Array(data)], name);
    }
  });
  await withFile(encodeSafetensors(plain), async (init) => {
    const { find } = await initialWeights({ ...recipe, init }, program, shape);
    for (const { name, shape, data } of state.running) {
      assert.deepEqual([...find(name, shape)], [...data], name);
    }
  });
});

Deno.test("for another number of classes only the last layer is initialized anew, by the seed", async () => {
  const recipe = recipeOf(NARROW[0][0]);
  const state = await trained(recipe, data(10, 16)).network.state();
  await withFile(pytorchFile(state, "resnet8"), async (init) => {
    const { program, network } = networkOf(recipe, data(4, 16));
    const first = await network.state();
    const { find, notes } = await initialWeights({ ...recipe, init }, program, data(4, 16));
    assert.deepEqual(notes, [
      `init: the last layer, fc, is initialized anew: it has 4 classes, 10 in ${init}`,
    ]);
    network.load({ find, ranges: new Map() }, false);
    const loaded = await network.state();
    loaded.parameters.forEach((tensor, i) => {
      const expected = tensor.name.startsWith("fc.") ? first : state;
      assert.deepEqual(tensor, expected.parameters[i], tensor.name);
    });
    assert.deepEqual(loaded.running, state.running);
  });
});

Deno.test("of a checkpoint with averaged weights, init and evaluation take the averages", async () => {
  const recipe = recipeOf(NARROW[0][0]), shape = data(10, 16);
  const state = await trained(recipe, shape).network.state();
  const position = { bests: [], step: 1, epochLoss: 0, epochCorrect: 0, last: null };
  const { tensors, metadata } = decodeSafetensors(encodeCheckpoint(state, "", position), "x");
  const average = new Float32Array(state.parameters[0]!.data.map((v) => v / 2));
  const bytes = encodeChecked({
    ...tensors,
    "ema.conv1.weight": { ...tensors["conv1.weight"]!, data: average },
    "second_moment.conv1.weight": tensors["conv1.weight"]!,
  }, metadata);
  await withFile(bytes, async (init) => {
    const { program } = networkOf(recipe, shape);
    const { find } = await initialWeights({ ...recipe, init }, program, shape);
    const checkpoint = decodeCheckpoint(bytes, init);
    const averaged: typeof find = (name, shape) =>
      checkpoint.find(checkpoint.has(`ema.${name}`) ? `ema.${name}` : name, shape);
    for (const look of [find, averaged]) {
      assert.deepEqual([...look("conv1.weight", [4, 3, 3, 3])], [...average]);
      assert.deepEqual([...look("norm1.bias", [4])], [
        ...state.parameters.find((t) => t.name === "norm1.bias")!.data,
      ]);
    }
  });
});

Deno.test("every tensor that does not fit is told, with what was expected and found", async () => {
  const recipe = recipeOf(NARROW[0][0]), { network } = trained(recipe, data(10, 16));
  const { tensors } = decodeSafetensors(pytorchFile(await network.state(), "resnet8"), "x");
  const wrong: Record<string, TensorInput> = {
    ...tensors,
    "conv1.weight": { dtype: "F32", shape: [4, 1, 3, 3], data: new Float32Array(36) },
    "layer1.0.bn1.bias": { dtype: "I32", shape: [4], data: new Int32Array(4) },
    "layer1.0.bn2.bias": { dtype: "F32", shape: [4], data: new Float32Array([0, NaN, 0, 0]) },
    "layer4.0.conv1.weight": { dtype: "F32", shape: [1], data: new Float32Array(1) },
  };
  delete wrong["bn1.running_var"];
  delete wrong["layer2.0.shortcut.0.weight"];
  await withFile(encodeSafetensors(wrong), async (init) => {
    const { program } = networkOf(recipe, data(10, 16));
    await assert.rejects(initialWeights({ ...recipe, init }, program, data(10, 16)), {
      name: "DataError",
      message: [
        `init: ${init}: expected the weights of resnet8, got 6 tensors that do not fit:`,
        "  missing     layer2.0.shortcut.0.weight [8, 4, 1, 1]",
        "  missing     bn1.running_var [4]",
        "  unexpected  layer4.0.conv1.weight [1]",
        "  other shape conv1.weight: expected [4, 3, 3, 3], got [4, 1, 3, 3]",
        "  other type  layer1.0.bn1.bias: expected F32, F16, BF16, F64 or FP8, got I32",
        "  not finite  layer1.0.bn2.bias",
        "Correct model (and data, which sets channels and classes), or use other weights",
      ].join("\n"),
    });
  });
});

Deno.test("a new last layer that is frozen, and variances below zero, are refused", async () => {
  const recipe = recipeOf(NARROW[0][0]), shape = data(4, 16);
  const state = await trained(recipe, data(10, 16)).network.state();
  await withFile(pytorchFile(state, "resnet8"), async (init) => {
    const frozen = { ...recipe, init, freeze: ["fc"] }, { program } = networkOf(frozen, shape);
    await assert.rejects(
      initialWeights(frozen, program, shape),
      /freeze: expected the last layer, fc, to train, as it is initialized anew .*; take it out of freeze/,
    );
  });
  for (const { name, data } of state.running) if (name.endsWith("_var")) data.fill(-1);
  await withFile(pytorchFile(state, "resnet8"), async (init) => {
    const shape = data(10, 16), { program } = networkOf(recipe, shape);
    await assert.rejects(
      initialWeights({ ...recipe, init }, program, shape),
      /negative {4}bn1\.running_var, a variance/,
    );
  });
});

Deno.test("weights that are not there, and a folder without a run, are refused by path", async () => {
  const recipe = recipeOf(NARROW[0][0]), shape = data(10, 16);
  const { program } = networkOf(recipe, shape);
  await assert.rejects(
    initialWeights({ ...recipe, init: "/nowhere/w.safetensors" }, program, shape),
    {
      name: "DataError",
      message: "init: expected a safetensors file or the folder of a run, found nothing at " +
        "/nowhere/w.safetensors; correct the path, which is relative to the recipe, or give " +
        "init=PATH on the command line",
    },
  );
  const folder = await Deno.makeTempDir();
  try {
    const found = initialWeights({ ...recipe, init: folder }, program, shape);
    await assert.rejects(found, /expected the folder of a run/);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("init is relative to the recipe, which keeps it as it is written", () => {
  const text = "data: { format: glyphs }\nmodel: { name: cnn }\ninit: ../w.safetensors";
  const { init, pathScope } = parseRecipe(text, "/a/b/r.yaml");
  assert.equal(init, "../w.safetensors");
  assert.deepEqual(pathScope.placesOf("init", init), ["/a/w.safetensors"]);
});

Deno.test("a run starts from a run's folder and from its export alike, with ranges of its own batch", async () => {
  await inFolder(async (out) => {
    await runOf({ ...SHORT, train: { ...SHORT.train, epochs: 4 } }, { out });
    await Deno.writeFile(`${out}/export.safetensors`, await exportWeights(out));
    const recipe: RecipeInput = {
      ...SHORT,
      seed: 5,
      init: out,
      quantize: { calibration_batches: 0 },
      train: { ...SHORT.train, epochs: 1 },
    };
    const one = await runOf(recipe);
    assert.deepEqual(one.warnings, [
      "quantize.calibration_batches: 0, but loaded weights need ranges: calibrating on one batch",
    ]);
    const two = await runOf({ ...recipe, init: `${out}/export.safetensors` });
    assert.deepEqual(one.losses, two.losses);
    assert.deepEqual(one.end.state, two.end.state);
    const fresh = await runOf({ ...recipe, init: "" });
    assert.ok(one.losses[0]! < fresh.losses[0]!, `${one.losses[0]}, ${fresh.losses[0]}`);
  });
});

Deno.test("a run that is resumed goes on from its checkpoint, whatever became of init", async () => {
  await inFolder(async (out) => {
    const init = `${out}-weights.safetensors`, short = { ...SHORT, init };
    const state = (await runOf({ ...SHORT, train: { ...SHORT.train, max_steps: 3 } })).end.state;
    await Deno.writeFile(init, encodeCheckpoint(state, "", INITIAL_STATE));
    const whole = await runOf(short);
    await runOf(short, { out, stopAt: 7 });
    await Deno.remove(init);
    const rest = await runOf(short, { out, resume: true });
    assert.deepEqual(rest.end.state, whole.end.state);
  });
});

Deno.test("a run whose init does not fit leaves nothing behind", async () => {
  await inFolder(async (out) => {
    await assert.rejects(
      runOf({ ...SHORT, init: `${out}.safetensors` }, { out }),
      /found nothing at/,
    );
    assert.equal(await Deno.stat(`${out}/recipe.yaml`).catch(() => undefined), undefined);
  });
});

Deno.test("a folder of photos is learned by a new head on frozen layers, from a run and from PyTorch's names", async () => {
  await inFolder(async (out) => {
    await writePhotos(`${out}-base`, ["bar", "disc", "frame"], { train: 24, val: 4 });
    await writePhotos(`${out}-photos`, ["bar", "square"], { train: 16, val: 10 });
    const base: RecipeInput = {
      seed: 1,
      data: { format: "folder", root: `${out}-base`, size: 16 },
      model: { name: "resnet8", width: 8 },
      train: { epochs: 5, batch: 8, optimizer: { lr: 0.05 } },
    };
    const { end } = await runOf(base, { out }), file = `${out}.safetensors`;
    await Deno.writeFile(file, pytorchFile(end.state, "resnet8"));
    const tuned: RecipeInput = {
      ...base,
      seed: 2,
      data: { ...base.data, root: `${out}-photos` },
      freeze: ["conv1", "norm1", "layer*"],
      train: { ...base.train, epochs: 3 },
    };
    const run = await runOf({ ...tuned, init: out }), other = await runOf({ ...tuned, init: file });
    for (const { warnings } of [run, other]) {
      assert.match(
        warnings.join(),
        /init: the last layer, fc, is initialized anew: it has 2 classes, /,
      );
    }
    assert.deepEqual(run.losses, other.losses);
    const accuracies = run.events.flatMap((e) => e.type === "epoch" ? [e.testAccuracy] : []);
    assert.ok(accuracies.at(-1)! >= 0.9, `${accuracies}`);
    const mean = (part: readonly number[]) => part.reduce((a, b) => a + b, 0) / part.length;
    assert.ok(mean(run.losses.slice(-4)) < 0.6 * mean(run.losses.slice(0, 4)), `${run.losses}`);
    const before = new Map(
      [...end.state.parameters, ...end.state.running].map((t) => [t.name, t.data]),
    );
    for (const { name, data } of [...run.end.state.parameters, ...run.end.state.running]) {
      if (!name.startsWith("fc.")) assert.deepEqual(data, before.get(name), name);
    }
  });
});

/** Runs `body` with the path of a file of these bytes, which is removed behind it. */
async function withFile(bytes: Uint8Array, body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(path, bytes);
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}
