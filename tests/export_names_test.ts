/**
 * Names of an export's tensors: PyTorch's with the number of batches of each norm, or those of the file
 * that the run began with, which comes out as it went in but for what has trained.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeSafetensors, encodeSafetensors, type TensorInput } from "../lib/core/safetensors.ts";
import { pytorchNames } from "../lib/model/pytorch_names.ts";
import { plan } from "../lib/program/plan.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { ZooName } from "../lib/recipe/model.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { encodeChecked } from "../lib/train/checkpoint/checksum.ts";
import { exportWeights } from "../lib/train/export/weights.ts";
import { tensorsOf } from "../lib/train/checkpoint/fit.ts";
import { expectCheckpoint } from "../lib/train/checkpoint/load.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { uniform } from "./support/fill.ts";
import { inFolder, runOf } from "./support/runs.ts";

type Tensors = Record<string, TensorInput>;
type Model = Extract<RecipeInput["model"], { name: ZooName }>;

/** Steps of each run. */
const STEPS = 3;
/** Batches that the norms of a file had seen before. */
const BATCHES = 5005;

const recipeOf = (model: RecipeInput["model"], side: number, classes = 10): RecipeInput => ({
  data: { format: "glyphs", size: side, classes, train: 20, test: 2 },
  model,
  train: { batch: 2, max_steps: STEPS },
});

const count = (value: number): TensorInput => ({
  dtype: "I64",
  shape: [],
  data: new BigInt64Array([BigInt(value)]),
});

/** The tensors of a network, by their names in qtrain. */
function expectedOf(model: RecipeInput["model"], side: number, classes = 10) {
  const data = { shape: [side, side, 1] as const, classes, mean: [0.5], std: [0.5] };
  return tensorsOf(plan(resolveRecipe(recipeOf(model, side, classes)), data).program);
}

/** Chooses one of the names that a layer may have in PyTorch's files. */
type Choice = (names: readonly string[]) => string;

const first: Choice = ([name]) => name!;
const second: Choice = ([name, other]) => other ?? name!;
const numbered: Choice = (names) => names.find((name) => /^\d/.test(name))!;

/**
 * A network's tensors as PyTorch's safetensors library writes them: those of 64 bits first, by name, with
 * the number of batches of each norm.
 */
function fileOf(model: Model, side: number, choose = first, prefix = "", classes = 10): Tensors {
  const tensors: [string, TensorInput][] = [];
  expectedOf(model, side, classes).forEach(({ name, layer, shape }, index) => {
    const theirs = prefix + choose(pytorchNames(model.name, layer)) + name.slice(layer.length);
    const isVariance = name.endsWith(".running_var"), u = uniform(index);
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
      .map((_, i) => isVariance ? u(i) + 0.5 : u(i) - 0.5);
    tensors.push([theirs, { dtype: "F32", shape, data }]);
    if (isVariance) {
      tensors.push([theirs.replace("running_var", "num_batches_tracked"), count(BATCHES)]);
    }
  });
  const key = ([name, { dtype }]: [string, TensorInput]) => `${dtype === "I64" ? 0 : 1}${name}`;
  return Object.fromEntries(tensors.sort((a, b) => key(a) < key(b) ? -1 : 1));
}

const without = (tensors: Tensors, pattern: RegExp): Tensors =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => !pattern.test(name)));

/** Trains from a file, which is then gone, and exports; also what the run and the export told. */
async function trainFrom(recipe: RecipeInput, file: Uint8Array, out: string) {
  const init = `${out}-init.safetensors`, notes: string[] = [];
  await Deno.writeFile(init, file);
  const { warnings } = await runOf({ ...recipe, init }, { out, device: "cpu" });
  await Deno.remove(init);
  const bytes = await exportWeights(out, (text) => notes.push(text));
  const told = warnings.map((text) => text.replaceAll(init, "FILE"));
  return { bytes, warnings: told, notes, ...decodeSafetensors(bytes, "export") };
}

/** The counts of batches among tensors, by name. */
const countsOf = (tensors: Readonly<Record<string, TensorInput>>) =>
  Object.entries(tensors).flatMap(([name, { dtype, shape, data }]) => {
    if (!name.endsWith("num_batches_tracked")) return [];
    assert.deepEqual([dtype, shape], ["I64", []], name);
    return [[name, Number(new DataView(data.buffer, data.byteOffset).getBigInt64(0, true))]];
  });

/** Names of the tensors that differ in their bytes; type and shape must not. */
function differing(actual: Tensors, expected: Tensors): string[] {
  const view = ({ data }: TensorInput) =>
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Object.entries(expected).flatMap(([name, tensor]) => {
    const { dtype, shape } = actual[name]!, bytes = view(actual[name]!);
    assert.deepEqual([dtype, shape], [tensor.dtype, tensor.shape], name);
    return view(tensor).every((byte, i) => byte === bytes[i]) ? [] : [name];
  });
}

const RESNET18 = { name: "resnet18", width: 2, stem: "imagenet" } as const;
const MOBILENET = { name: "mobilenet-v2", width: 4, stem: "imagenet" } as const;
const VGG16 = { name: "vgg16", width: 2, head: "imagenet" } as const;
const RESNET8 = { name: "resnet8", width: 4 } as const;

const ROUND_TRIPS: readonly (readonly [string, Model, number, string, Tensors])[] = [
  ["torchvision's resnet18", RESNET18, 64, "fc", fileOf(RESNET18, 64)],
  ["a prefix", RESNET18, 64, "fc", fileOf(RESNET18, 64, first, "module.backbone.")],
  ["numbers of nn.Sequential", RESNET18, 64, "fc", fileOf(RESNET18, 64, numbered)],
  ["shortcut and linear", RESNET18, 64, "fc", fileOf(RESNET18, 64, second)],
  ["torchvision's mobilenet_v2", MOBILENET, 64, "classifier-1", fileOf(MOBILENET, 64)],
  ["torchvision's vgg16_bn", VGG16, 64, "classifier-6", fileOf(VGG16, 64)],
  ["downsample and fc", RESNET8, 16, "fc", fileOf(RESNET8, 16, second)],
  ["no counts of batches", RESNET8, 16, "fc", without(fileOf(RESNET8, 16), /num_batches/)],
];
for (const [what, model, side, head, file] of ROUND_TRIPS) {
  Deno.test(`a file goes in and comes out the same but for what trained: ${what}`, () =>
    inFolder(async (out) => {
      const layers = new Set(expectedOf(model, side).map(({ layer }) => layer));
      const freeze = [...layers].filter((layer) => layer !== head);
      const recipe = { ...recipeOf(model, side), freeze };
      const { tensors, notes } = await trainFrom(recipe, encodeSafetensors(file), out);
      assert.deepEqual(Object.keys(tensors), Object.keys(file));
      const trained = differing(tensors, file);
      assert.deepEqual(trained.map((name) => name.split(".").at(-1)), ["bias", "weight"]);
      assert.deepEqual(notes, []);
    }));
}

Deno.test("without init, every norm of a network of the zoo has the number of steps that updated it", () =>
  inFolder(async (out) => {
    await runOf({ ...recipeOf(RESNET8, 16), freeze: ["conv1", "norm1"] }, { out, device: "cpu" });
    const { tensors, metadata } = decodeSafetensors(await exportWeights(out), "export");
    const counts = countsOf(tensors);
    assert.deepEqual(counts[0], ["bn1.num_batches_tracked", 0]);
    assert.equal(counts.length, 9);
    for (const [name, steps] of counts.slice(1)) assert.equal(steps, STEPS, `${name}`);
    assert.deepEqual(Object.keys(tensors).slice(0, 7), [
      "conv1.weight",
      "bn1.weight",
      "bn1.bias",
      "bn1.running_mean",
      "bn1.running_var",
      "bn1.num_batches_tracked",
      "layer1.0.conv1.weight",
    ]);
    assert.deepEqual(Object.keys(metadata).filter((key) => /position|init/.test(key)), []);
  }));

Deno.test("networks that PyTorch has no names for keep their own, without counts of batches", () =>
  inFolder(async (out) => {
    await runOf(recipeOf({ name: "cnn", width: 4 }, 12), { out, device: "cpu" });
    const { tensors } = decodeSafetensors(await exportWeights(out), "export");
    assert.deepEqual(countsOf(tensors), []);
    const names = expectedOf({ name: "cnn", width: 4 }, 12).map(({ name }) => name);
    assert.deepEqual(Object.keys(tensors).sort(), names.sort());
  }));

Deno.test("counts of batches continue from those of the file, in a resumed run too", () =>
  inFolder(async (out) => {
    const file = fileOf(RESNET8, 16, first, "model."), init = `${out}-init.safetensors`;
    await Deno.writeFile(init, encodeSafetensors(file));
    const recipe = { ...recipeOf(RESNET8, 16), init };
    await runOf(recipe, { out, device: "cpu" });
    await runOf(recipe, { out: `${out}-2`, device: "cpu", stopAt: 1 });
    await Deno.remove(init);
    await runOf(recipe, { out: `${out}-2`, device: "cpu", resume: true });
    const [whole, resumed] = [await exportWeights(out), await exportWeights(`${out}-2`)];
    assert.deepEqual(resumed, whole);
    const { tensors } = decodeSafetensors(whole, "export");
    assert.deepEqual(
      countsOf(tensors),
      countsOf(file).map(([name]) => [name, BATCHES + STEPS]),
    );
  }));

Deno.test("a new last layer has the name of the file's, or the one that belongs to its other names", async () => {
  for (
    const [file, fc] of [
      [fileOf(RESNET18, 64, first, "module.", 10), "module.fc"],
      [without(fileOf(RESNET18, 64, first, "module."), /fc/), "module.fc"],
      [without(fileOf(RESNET18, 64, numbered), /^9/), "9"],
    ] as const
  ) {
    await inFolder(async (out) => {
      const recipe = recipeOf(RESNET18, 64, 4);
      const { tensors, warnings } = await trainFrom(recipe, encodeSafetensors(file), out);
      assert.match(warnings.join(), /the last layer, fc, is initialized anew/);
      assert.deepEqual(tensors[`${fc}.weight`]?.shape, [4, 16]);
      const names = Object.keys(without(file, new RegExp(`^${fc}`)));
      assert.deepEqual(Object.keys(without(tensors, new RegExp(`^${fc}`))), names);
      assert.equal(Object.keys(tensors).length, names.length + 2);
    });
  }
});

Deno.test("tensors of the file that the network does not use are left out, and one line counts them", () =>
  inFolder(async (out) => {
    const one = { dtype: "F32", shape: [1], data: new Float32Array(1) } as const;
    const file = fileOf(RESNET8, 16, first, "backbone.");
    const more = { ...file, "neck.weight": one, "neck.bias": one };
    const { tensors, notes } = await trainFrom(recipeOf(RESNET8, 16), encodeSafetensors(more), out);
    assert.deepEqual(Object.keys(tensors), Object.keys(file));
    assert.deepEqual(notes, [
      "2 tensors of the file that the run began with (init) are not in the export: the network does " +
      "not use them",
    ]);
  }));

Deno.test("half precision goes in, F32 comes out", () =>
  inFolder(async (out) => {
    const file = Object.entries(fileOf(RESNET8, 16)).map(
      ([name, tensor]): [string, TensorInput] => {
        if (tensor.dtype !== "F32") return [name, tensor];
        return [name, {
          ...tensor,
          dtype: "F16",
          data: new Float16Array(tensor.data as Float32Array),
        }];
      },
    );
    const bytes = encodeSafetensors(Object.fromEntries(file));
    const recipe = { ...recipeOf(RESNET8, 16), freeze: ["conv*", "norm*", "layer*"] };
    const { tensors } = await trainFrom(recipe, bytes, out);
    const expected = Object.fromEntries(file.map(([name, t]) => [
      name,
      t.dtype === "F16"
        ? { ...t, dtype: "F32", data: new Float32Array(t.data as Float16Array) } as const
        : t,
    ]));
    assert.deepEqual(differing(tensors, expected), ["linear.bias", "linear.weight"]);
  }));

Deno.test("a run from a run's folder and one from its export give the same export, names and counts", () =>
  inFolder(async (out) => {
    const file = encodeSafetensors(fileOf(RESNET8, 16, second, "net."));
    const before = await trainFrom(recipeOf(RESNET8, 16), file, out);
    const next = recipeOf(RESNET8, 16);
    await runOf({ ...next, init: out }, { out: `${out}-a`, device: "cpu" });
    const a = decodeSafetensors(await exportWeights(`${out}-a`), "a");
    const b = await trainFrom(next, before.bytes, `${out}-b`);
    assert.deepEqual(Object.keys(a.tensors), Object.keys(before.tensors));
    assert.deepEqual(Object.keys(b.tensors), Object.keys(before.tensors));
    assert.deepEqual(differing(a.tensors, b.tensors), []);
    for (const [name, steps] of countsOf(a.tensors)) {
      assert.equal(steps, BATCHES + 2 * STEPS, `${name}`);
    }
  }));

Deno.test("a list of layers keeps the names of a file too, with its prefix", () =>
  inFolder(async (out) => {
    const layers = [
      { type: "conv2d", name: "stem", channels: 4, kernel: 3, bias: false },
      { type: "batch_norm", name: "stem-norm" },
      "relu",
      "global_avg_pool",
      { type: "linear", name: "head", features: 10 },
    ] as const;
    const recipe = recipeOf({ layers }, 12);
    await runOf(recipe, { out, device: "cpu" });
    const { tensors } = decodeSafetensors(await exportWeights(out), "export");
    const file = Object.fromEntries(
      Object.entries(tensors).reverse().map(([name, tensor]) => [`ema_model.${name}`, tensor]),
    );
    const again = await trainFrom(recipe, encodeSafetensors(file), `${out}-2`);
    assert.deepEqual(Object.keys(again.tensors), Object.keys(file));
  }));

/** Changes the metadata of the checkpoint of a run, as another program could; the checksum is right. */
async function edit(out: string, change: (init: string) => string): Promise<void> {
  const { bytes, path } = await expectCheckpoint(await RunFolder.open(out));
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const init = change(metadata.init!);
  await Deno.writeFile(path, encodeChecked(tensors, { ...metadata, init }));
}

Deno.test("remembered names that do not fit the network are refused, and so is what are no names", () =>
  inFolder(async (out) => {
    const file = encodeSafetensors(fileOf(RESNET8, 16, second));
    await trainFrom(recipeOf(RESNET8, 16), file, out);
    const { bytes, path } = await expectCheckpoint(await RunFolder.open(out));
    const fault = (got: string) => ({
      name: "DataError",
      message:
        `${path}: expected in the metadata (init) a name for each tensor of the network, got ` +
        `${got}: another program changed the file; export another checkpoint, or train again`,
    });
    for (
      const [from, to, got] of [
        ['"conv1.weight":"conv1.weight",', "", "none for conv1.weight"],
        ['"conv1.weight":"', '"conv9.weight":"x","conv1.weight":"', "one for conv9.weight"],
        ['"fc.weight":"fc.weight"', '"fc.weight":"fc.bias"', "one that is not free"],
        ['"fc.weight":"fc.weight"', '"fc.weight":"__metadata__"', "one that is not free"],
      ] as const
    ) {
      await edit(out, (text) => text.replace(from, to));
      await assert.rejects(exportWeights(out), fault(got));
      await Deno.writeFile(path, bytes);
    }
    for (
      const text of ["", "[]", '"x"', "null", '{"names":{"conv1.weight":1}}', '{"names":[]}']
        .concat(
          '{"batches":{"norm1":-1}}',
          '{"unused":0.5}',
        )
    ) {
      await edit(out, () => text);
      const warnings: string[] = [];
      await assert.rejects(
        exportWeights(out, (text) => warnings.push(text)),
        /no intact checkpoint/,
      );
      assert.match(warnings[0]!, /expected the names of init in the metadata, got /);
      await Deno.writeFile(path, bytes);
    }
  }));
