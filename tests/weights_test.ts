/**
 * Files of weights as people have them: with prefixes, other heads, other types and shapes, and files
 * that hold no weights.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { decodeSafetensors, encodeSafetensors, type TensorInput } from "../lib/core/safetensors.ts";
import { pytorchNames } from "../lib/model/pytorch_names.ts";
import { plan } from "../lib/program/plan.ts";
import { initialValues, toNamed } from "../lib/program/parameter_layout.ts";
import { parseRecipe, resolveRecipe } from "../lib/recipe/load.ts";
import type { ZooSpec } from "../lib/recipe/model.ts";
import { UNRESTRICTED } from "../lib/recipe/path_scope.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { encodeCheckpoint } from "../lib/train/checkpoint/checkpoint.ts";
import { exportWeights } from "../lib/train/export/weights.ts";
import { tensorsOf } from "../lib/train/checkpoint/fit.ts";
import { foreignFile } from "../lib/train/checkpoint/foreign_file.ts";
import { INITIAL_STATE } from "../lib/train/checkpoint/trainer_state.ts";
import { initialWeights } from "../lib/train/checkpoint/init.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

type Tensors = Record<string, TensorInput>;

const RESNET8 = { name: "resnet8", width: 4 } as const;

/** Shape and classes of data. */
const dataOf = (classes: number, side = 16, channels = 3) => ({
  shape: [side, side, channels] as const,
  classes,
  mean: Array<number>(channels).fill(0.5),
  std: Array<number>(channels).fill(0.5),
});

const recipeOf = (model: RecipeInput["model"], seed: number, init = "") =>
  resolveRecipe({
    pathScope: UNRESTRICTED,
    seed,
    data: { format: "folder", root: "none" },
    model,
    train: { batch: 2 },
    init,
  });

/** The tensors of a network with qtrain's names; each norm's statistics differ from the usual. */
function own(model: RecipeInput["model"], data: ReturnType<typeof dataOf>, seed = 1): Tensors {
  const { program } = plan(recipeOf(model, seed), data, { inference: true });
  const parameters = program.parameters.flatMap((spec, index) =>
    toNamed(spec, initialValues(spec, seed, index))
  );
  const running = program.norms.flatMap(({ layer, channels }) =>
    ["running_mean", "running_var"].map((part, i) => ({
      name: `${layer}.${part}`,
      shape: [channels],
      data: new Float32Array(channels).fill(i + 0.25),
    }))
  );
  return Object.fromEntries(
    [...parameters, ...running].map(({ name, ...t }) => [name, { dtype: "F32", ...t } as const]),
  );
}

/** The same with PyTorch's names. */
function pytorch(model: ZooSpec | typeof RESNET8, data: ReturnType<typeof dataOf>): Tensors {
  return renamed(own(model, data), (name) => {
    const dot = name.indexOf(".");
    return pytorchNames(model.name, name.slice(0, dot))[0]! + name.slice(dot);
  });
}

const renamed = (tensors: Tensors, to: (name: string) => string): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [to(name), t]));

const without = (tensors: Tensors, start: string): Tensors =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.startsWith(start)));

const tensor = (...shape: number[]): TensorInput => ({
  dtype: "F32",
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

/** Loads weights into a network; returns notes without the path, and all tensors. */
async function load(
  bytes: Uint8Array,
  model: RecipeInput["model"],
  data: ReturnType<typeof dataOf> & { classNames?: readonly string[] },
  name = "w.safetensors",
) {
  const folder = await Deno.makeTempDir(), path = `${folder}/${name}`;
  try {
    await Deno.writeFile(path, bytes);
    const recipe = recipeOf(model, 9, path), { program } = plan(recipe, data);
    const { find, notes } = await initialWeights(recipe, program, data);
    const names = Object.entries(own(model, data));
    return {
      notes: notes.map((note) => note.replaceAll(path, "FILE")),
      values: Object.fromEntries(names.map(([name, { shape }]) => [name, [...find(name, shape)]])),
    };
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replaceAll(folder, "DIR");
    throw error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const valuesOf = (tensors: Tensors) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, t]) => [name, [...t.data as Float32Array]]),
  );

/** The message with which weights are refused. */
async function refusal(...args: Parameters<typeof load>): Promise<string> {
  try {
    await load(...args);
  } catch (error) {
    assert.equal((error as Error).name, "DataError");
    return (error as Error).message;
  }
  throw new Error("the weights were taken");
}

const DATA = dataOf(3), OWN = own(RESNET8, DATA), PLAIN = pytorch(RESNET8, DATA);

for (const prefix of ["module.", "model._orig_mod.", "student.backbone.", "0."]) {
  Deno.test(`a prefix of all names, ${prefix}, is left out with a line`, async () => {
    for (const plain of [PLAIN, OWN]) {
      const file = encodeSafetensors(renamed(plain, (name) => prefix + name));
      const { notes, values } = await load(file, RESNET8, DATA);
      assert.deepEqual(notes, [
        `init: the names in FILE begin with "${prefix}", which is left out`,
      ]);
      assert.deepEqual(values, valuesOf(OWN));
    }
  });
}

Deno.test("the parts of torchvision's resnet18 may be called by number, as nn.Sequential does", async () => {
  const model = { name: "resnet18", width: 4, stem: "imagenet" } as const, data = dataOf(3, 64);
  const numbers: Record<string, string> = { conv1: "0", bn1: "1" };
  const parts = renamed(
    without(pytorch(model, data), "fc."),
    (name) =>
      "encoder." + name.replace(/^(conv1|bn1)/, (part) => numbers[part]!)
        .replace(/^layer(\d)/, (_, stage) => String(Number(stage) + 3)),
  );
  assert.ok(parts["encoder.4.0.conv1.weight"] && parts["encoder.7.0.downsample.1.bias"]);
  const { notes, values } = await load(encodeSafetensors(parts), model, data);
  assert.deepEqual(notes, [
    'init: the names in FILE begin with "encoder.", which is left out',
    "init: the last layer, fc, is initialized anew: FILE has none",
  ]);
  const { "fc.weight": _, "fc.bias": __, ...body } = valuesOf(own(model, data));
  for (const [name, expected] of Object.entries(body)) {
    assert.deepEqual(values[name], expected, name);
  }
});

Deno.test("tensors beside the network are counted in one line, with or without a prefix", async () => {
  const beside = {
    "rpn.head.conv.weight": tensor(2, 2),
    "rpn.head.conv.bias": tensor(2),
    "optimizer.state.0.step": { dtype: "I64", shape: [], data: new BigInt64Array(1) } as const,
    "roi.mask": { dtype: "BOOL", shape: [0], data: new Uint8Array(0) } as const,
    "backbone.bn1.num_batches_tracked": tensor(),
  };
  const behind = renamed(PLAIN, (name) => `backbone.${name}`);
  const unused = "4 tensors not used: rpn.head.conv.weight, rpn.head.conv.bias, " +
    "optimizer.state.0.step and roi.mask";
  const one = await load(encodeSafetensors({ ...behind, ...beside }), RESNET8, DATA);
  assert.deepEqual(one.notes, [
    `init: the names in FILE begin with "backbone.", which is left out; ${unused}`,
  ]);
  assert.deepEqual(one.values, valuesOf(OWN));
  const two = await load(encodeSafetensors({ ...PLAIN, ...beside }), RESNET8, DATA);
  assert.deepEqual(two.notes, [`init: FILE has more than the weights of the network; ${unused}`]);
});

Deno.test("a network that is in a file twice is refused, and a command keeps one", async () => {
  const both = {
    ...renamed(PLAIN, (name) => `teacher.${name}`),
    ...renamed(PLAIN, (name) => `student.${name}`),
  };
  const message = await refusal(encodeSafetensors(both), RESNET8, DATA);
  assert.match(message, /got several, whose names begin with "teacher\." and "student\."\. /);
  assert.match(
    message,
    /Keep the first .*\n {2}python3 -c ['"].*['"] DIR\/w.safetensors DIR\/w-converted.safetensors teacher\.$/,
  );
  // The network's own names are no guess.
  const { notes, values } = await load(encodeSafetensors({ ...both, ...PLAIN }), RESNET8, DATA);
  assert.match(notes.join(), /not used: teacher\.conv1\.weight, /);
  assert.deepEqual(values, valuesOf(OWN));
});

const HEADS: [name: string, tensors: Tensors, note: string][] = [
  ["none", {}, "FILE has none"],
  ["no bias", { "linear.weight": tensor(3, 16) }, "FILE has no linear.bias"],
  [
    "another number of classes",
    { "linear.weight": tensor(7, 16), "linear.bias": tensor(7) },
    "it has 3 classes, 7 in FILE",
  ],
  [
    "another number of features",
    { "linear.weight": tensor(3, 8), "linear.bias": tensor(3) },
    "linear.weight is [3, 16], [3, 8] in FILE",
  ],
  [
    "two layers",
    { "linear.1.weight": tensor(8, 16), "linear.3.weight": tensor(3, 8) },
    "FILE has none; 2 tensors not used: linear.1.weight and linear.3.weight",
  ],
  [
    "another name",
    { "head.weight": tensor(3, 16), "projector.0.weight": tensor(3, 16) },
    "FILE has none; 2 tensors not used: head.weight and projector.0.weight",
  ],
];

for (const [name, head, note] of HEADS) {
  Deno.test(`the last layer is initialized anew, with a line, where the file's has ${name}`, async () => {
    const body = without(PLAIN, "linear.");
    const { notes, values } = await load(encodeSafetensors({ ...body, ...head }), RESNET8, DATA);
    assert.deepEqual(notes, [`init: the last layer, fc, is initialized anew: ${note}`]);
    const anew = valuesOf(own(RESNET8, DATA, 9));
    const expected = {
      ...valuesOf(OWN),
      "fc.weight": anew["fc.weight"],
      "fc.bias": anew["fc.bias"],
    };
    assert.deepEqual(values, expected);
  });
}

Deno.test("a network of one layer is not initialized anew as a whole", async () => {
  const model = { layers: [{ type: "linear", name: "fc", features: 3 }] } as const;
  const file = encodeSafetensors({ "fc.weight": tensor(5, 768), "fc.bias": tensor(5) });
  assert.match(
    await refusal(file, model, DATA),
    /got 2 tensors that do not fit:\n {2}other shape fc.weight: expected \[3, 768\], got \[5, 768\]/,
  );
});

Deno.test("the classes of a run are matched by name: reordered, or a new last layer", async () => {
  const values = valuesOf(OWN);
  const state = {
    parameters: Object.entries(OWN).filter(([name]) => !name.includes("running")).map((
      [name, { shape, data }],
    ) => ({ name, shape, data: data as Float32Array<ArrayBuffer> })),
    running: Object.entries(OWN).filter(([name]) => name.includes("running")).map((
      [name, { shape, data }],
    ) => ({ name, shape, data: data as Float32Array<ArrayBuffer> })),
    optimizer: new Map(),
    averages: [],
    ranges: new Map(),
    memories: new Map(),
  };
  const bias = state.parameters.find(({ name }) => name === "fc.bias")!;
  bias.data.set([1, 2, 3]);
  const file = encodeCheckpoint(state, "", INITIAL_STATE, { ...DATA, classNames: ["a", "b", "c"] });
  bias.data.fill(0);
  const same = await load(file, RESNET8, { ...DATA, classNames: ["a", "b", "c"] });
  assert.deepEqual([same.notes, same.values["fc.bias"]], [[], [1, 2, 3]]);
  const other = await load(file, RESNET8, { ...DATA, classNames: ["c", "a", "b"] });
  assert.deepEqual(other.notes, [
    "init: the rows of the last layer, fc, are put in the order of the data's classes, which is " +
    "another in FILE",
  ]);
  assert.deepEqual(other.values["fc.bias"], [3, 1, 2]);
  const weight = values["fc.weight"]!;
  assert.deepEqual(other.values["fc.weight"], [...weight.slice(32), ...weight.slice(0, 32)]);
  const renamed = await load(file, RESNET8, { ...DATA, classNames: ["a", "b", "d"] });
  assert.deepEqual(renamed.notes, [
    "init: the last layer, fc, is initialized anew: it has 3 classes, 3 in FILE (new: d; missing: c)",
  ]);
  assert.deepEqual(renamed.values["fc.bias"], [0, 0, 0]);
  const ofOne = { layers: [{ type: "linear", name: "fc", features: 3 }] } as const;
  const shapes = [["fc.weight", [3, 768]], ["fc.bias", [3]]] as const;
  const one = encodeCheckpoint(
    {
      ...state,
      running: [],
      parameters: shapes.map(([name, shape]) => ({
        name,
        shape,
        data: new Float32Array(shape.reduce<number>((a, b) => a * b, 1)).fill(7),
      })),
    },
    "",
    INITIAL_STATE,
    { ...DATA, classNames: ["a", "b", "c"] },
  );
  const anew = await load(one, ofOne, { ...DATA, classNames: ["a", "b", "d"] });
  assert.match(anew.notes.join(), /^init: the last layer, fc, is initialized anew: .*new: d/);
  assert.deepEqual(anew.values["fc.bias"], [0, 0, 0]);
  const unnamed = await load(file, RESNET8, DATA);
  assert.deepEqual([unnamed.notes, unnamed.values["fc.bias"]], [[], [1, 2, 3]]);
});

Deno.test("weights in F64 and FP8 are read; what is beyond f32 is not finite", async () => {
  const doubles = Object.fromEntries(
    Object.entries(PLAIN).map(([name, { shape, data }]) => [
      name,
      { dtype: "F64", shape, data: new Float64Array(data as Float32Array) } as const,
    ]),
  );
  const { values } = await load(encodeSafetensors(doubles), RESNET8, DATA);
  assert.deepEqual(values, valuesOf(OWN));
  const bytes: TensorInput = { dtype: "F8_E4M3", shape: [4], data: new Uint8Array(4).fill(0x38) };
  const eights = await load(encodeSafetensors({ ...PLAIN, "bn1.bias": bytes }), RESNET8, DATA);
  assert.deepEqual(eights.values["norm1.bias"], [1, 1, 1, 1]);
  const huge: TensorInput = { dtype: "F64", shape: [4], data: new Float64Array(4).fill(1e60) };
  assert.match(
    await refusal(encodeSafetensors({ ...doubles, "bn1.bias": huge }), RESNET8, DATA),
    /got 1 tensor that does not fit:\n {2}not finite {2}bn1.bias\n/,
  );
});

Deno.test("codes and types that are unknown here are refused where the network needs them", async () => {
  const codes: TensorInput = { dtype: "I8", shape: [4, 3, 3, 3], data: new Int8Array(108) };
  const message = await refusal(
    encodeSafetensors({ ...PLAIN, "conv1.weight": codes }),
    RESNET8,
    DATA,
  );
  assert.match(
    message,
    /other type {2}conv1.weight: expected F32, F16, BF16, F64 or FP8, got I8\n/,
  );
  const all = Object.fromEntries(
    Object.entries(PLAIN).map(([name, t]) => [
      name,
      { dtype: "I8", shape: t.shape, data: new Int8Array(t.data.byteLength / 4) } as const,
    ]),
  );
  assert.match(
    await refusal(encodeSafetensors(all), RESNET8, DATA),
    /got 47 tensors of type I8, among them conv1.weight; give them as F32, F16, .* were quantized$/,
  );
  const unknown = encodeSafetensors({ ...PLAIN, "bn1.bias": { ...codes, shape: [108] } });
  const text = new TextDecoder("latin1").decode(unknown).replace('"dtype":"I8"', '"dtype":"X8"');
  const file = Uint8Array.from(text, (c) => c.charCodeAt(0));
  assert.match(await refusal(file, RESNET8, DATA), /other type {2}bn1.bias: .* got X8\n/);
  const aside = new TextDecoder("latin1").decode(encodeSafetensors({ ...PLAIN, scales: codes }));
  const taken = Uint8Array.from(
    aside.replace('"dtype":"I8"', '"dtype":"X8"'),
    (c) => c.charCodeAt(0),
  );
  assert.match(
    (await load(taken, RESNET8, DATA)).notes.join(),
    /1 tensor not used: scales/,
  );
});

const WEIGHTS_OF: Record<string, [model: ZooSpec, side: number, channels?: number]> = {
  "the stem for large images": [{ name: "resnet18", width: 4, stem: "imagenet" }, 64],
  "the stem for small images": [{ name: "resnet18", width: 4, stem: "small" }, 64],
  "three times the width": [{ name: "resnet8", width: 12 }, 16],
  "half the width and grey images": [{ name: "resnet8", width: 2 }, 16, 1],
  "resnet20": [{ name: "resnet20", width: 4 }, 16],
  "another network with another head": [{ name: "vgg16", width: 2, head: "imagenet" }, 32],
  "mobilenet-v2": [{ name: "mobilenet-v2", width: 8, stem: "small" }, 16],
};
const CAUSES: [weights: string, model: RecipeInput["model"], message: string, side?: number][] = [
  [
    "the stem for large images",
    { name: "resnet18", width: 4 },
    "the weights of resnet18, got those of resnet18 with stem: imagenet; give " +
    "model.stem=imagenet on the command line",
    64,
  ],
  [
    "the stem for small images",
    { name: "resnet18", width: 4, stem: "imagenet" },
    "the weights of resnet18, got those of resnet18 with stem: small; give model.stem=small on " +
    "the command line",
    64,
  ],
  [
    "three times the width",
    RESNET8,
    "the weights of resnet8, got those of resnet8 with width 12 (3 times as many channels); give " +
    "model.width=12 on the command line",
  ],
  [
    "half the width and grey images",
    RESNET8,
    "the weights of resnet8, got those of resnet8 with width 2 (2 times fewer channels) and 1 " +
    "channel (the data has 3); give model.width=2 data.channels=1 on the command line",
  ],
  [
    "resnet20",
    RESNET8,
    "the weights of resnet8, got those of resnet20 with width 4; give " +
    "model='{name: resnet20, width: 4}' on the command line",
  ],
  [
    "another network with another head",
    { name: "resnet18", stem: "imagenet" },
    "the weights of resnet18, got those of vgg16 with width 2 and head imagenet; give " +
    "model='{name: vgg16, width: 2, head: imagenet}' on the command line",
    32,
  ],
  [
    "mobilenet-v2",
    { layers: [{ type: "linear", name: "fc", features: 3 }] },
    "the weights of this network, got those of mobilenet-v2 with width 8; give " +
    "model='{name: mobilenet-v2, width: 8}' on the command line",
  ],
];

for (const [weights, model, message, side = 16] of CAUSES) {
  Deno.test(`weights of ${weights} are refused with overrides that take them`, async () => {
    const [other, ownSide, channels] = WEIGHTS_OF[weights]!;
    const file = encodeSafetensors(
      renamed(pytorch(other, dataOf(3, ownSide, channels)), (name) => `module.${name}`),
    );
    assert.equal(
      await refusal(file, model, dataOf(3, side)),
      `init: DIR/w.safetensors: expected ${message}`,
    );
    // What the message says, as a shell gives it to qtrain.
    const words = [...message.matchAll(/(?:model|data)[\w.]*=(?:'[^']*'|\S+)/g)]
      .map(([word]) => word.replaceAll("'", ""));
    const written = `{ data: { format: folder, root: x }, model: ${JSON.stringify(model)} }`;
    const { model: mended, data } = parseRecipe(written, "r.yaml", words);
    const { notes } = await load(file, mended, dataOf(3, side, data.channels));
    assert.equal(notes[0], 'init: the names in FILE begin with "module.", which is left out');
    // All shapes of mobilenet-v2 fit both stems.
    assert.deepEqual(
      notes.slice(1),
      weights !== "mobilenet-v2" ? [] : [
        "init: mobilenet-v2 for images of at most 64×64 has smaller strides than with torchvision's " +
        "weights; to train those as they are, give model.stem=imagenet",
      ],
    );
  });
}

Deno.test("data whose channels are given has weights for other channels refused without an override", async () => {
  const grey = dataOf(10, 12, 1),
    folder = await Deno.makeTempDir(),
    path = `${folder}/w.safetensors`;
  try {
    const file = encodeSafetensors(pytorch(RESNET8, dataOf(10, 12)));
    await Deno.writeFile(path, file);
    const recipe = resolveRecipe({
      pathScope: UNRESTRICTED,
      data: { format: "glyphs", size: 12 },
      model: RESNET8,
      train: { batch: 2 },
      init: path,
    });
    await assert.rejects(
      initialWeights(recipe, plan(recipe, grey).program, grey),
      /got those of resnet8 with 3 channels \(the data has 1\); use weights for 1 channel, or data with 3$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("well-known networks that are not in the zoo are called by name", async () => {
  const resnet = (blocks: number[], convolutions: number) => {
    const tensors: Tensors = { "conv1.weight": tensor(4, 3, 3, 3) };
    for (const [stage, count] of blocks.entries()) {
      for (let block = 0; block < count; block++) {
        for (let i = 1; i <= convolutions; i++) {
          tensors[`layer${stage + 1}.${block}.conv${i}.weight`] = i === 2
            ? tensor(64, convolutions === 3 ? 64 : 1, 3, 3)
            : tensor(1, 1, 1, 1);
        }
      }
    }
    return encodeSafetensors(tensors);
  };
  const vgg = Object.fromEntries(
    [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28].map((
      n,
    ) => [`features.${n}.weight`, tensor(1, 1, 3, 3)]),
  );
  const files: [Uint8Array, string][] = [
    [resnet([3, 4, 6, 3], 3), "those of resnet50 (3, 4, 6, 3 blocks), which qtrain does not have"],
    [
      resnet([3, 4, 6, 3], 2),
      "those of a form of resnet34 (3, 4, 6, 3 blocks), which qtrain does not have",
    ],
    [encodeSafetensors(vgg), "those of vgg16 without batch norm, which qtrain does not have"],
    [
      encodeSafetensors({ "blocks.0.attn.qkv.weight": tensor(4, 4) }),
      "1 tensor of other names: blocks.0.attn.qkv.weight, … in place of conv1.weight, …",
    ],
  ];
  const model = { name: "resnet18", width: 4 } as const;
  for (const [file, what] of files) {
    const message = await refusal(file, model, dataOf(3, 32));
    assert.ok(message.includes(`expected the weights of resnet18, got ${what}. Use `), message);
    assert.match(message, /\n {2}python3 -c "import torchvision, .*resnet18\(weights='DEFAULT'\)/);
  }
});

Deno.test("norms without running statistics are told once, and a few names of parts are no prefix", async () => {
  const groups = Object.fromEntries(
    Object.entries(PLAIN).filter(([name]) => !name.includes("running_")),
  );
  assert.match(
    await refusal(encodeSafetensors(groups), RESNET8, DATA),
    /got norms without running_mean and running_var \(18 are missing, among them bn1.running_mean\)/,
  );
  const parts = renamed(
    PLAIN,
    (name) => name.replace(/^conv1/, "0").replace(/^bn1/, "1").replace(/^layer/, ""),
  );
  assert.match(
    await refusal(encodeSafetensors(parts), RESNET8, DATA),
    /tensors of other names: 0.weight, … in place of conv1.weight, …\. Use weights of resnet8$/,
  );
});

Deno.test("a long list of tensors ends after ten lines, with a count of each kind", async () => {
  const [first, ...others] = Object.entries(PLAIN);
  const wrong = Object.fromEntries(others.map(([name]) => [name, tensor(9)]));
  const file = encodeSafetensors({
    ...Object.fromEntries([first!]),
    ...wrong,
    "layer9.x": tensor(1),
  });
  const lines = (await refusal(file, RESNET8, DATA)).split("\n");
  assert.equal(lines.length, 13);
  assert.match(lines[1]!, /^ {2}unexpected {2}layer9.x \[1\]$/);
  assert.equal(lines[11], `  … and ${others.length - 11} more: ${others.length - 11} other shape`);
});

const text = (start: string) => new TextEncoder().encode(start.padEnd(600));
/** A zip file's first header, with the name of its first entry. */
const zip = (entry: string) => {
  const bytes = new Uint8Array(600);
  bytes.set(text("PK\x03\x04").subarray(0, 4));
  bytes.set([20, 0, 0, 0, 8, 0], 4);
  bytes[26] = entry.length;
  bytes.set(new TextEncoder().encode(entry), 30);
  return bytes;
};
const bytes = (...start: number[]) => new Uint8Array(600).map((_, i) => start[i] ?? i % 251);

const FOREIGN: [name: string, file: Uint8Array, what: RegExp][] = [
  [
    "w.safetensors",
    text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    /a pointer of git-lfs, .*\n {2}git -C DIR\/ lfs pull$/,
  ],
  ["w.safetensors", text("\n<!DOCTYPE html><html>"), /a web page\. Download the file itself: /],
  ["w.safetensors", new Uint8Array(0), /an empty file\. Download or create it again$/],
  ["w.safetensors", new Uint8Array(5000), /nothing but zeros\. Its download did not finish: /],
  ["config.json", text('{ "model_type": "resnet" }'), /a JSON file, without weights\. Give /],
  [
    "resnet18.pth",
    zip("archive/data.pkl"),
    /a PyTorch file .* give init=DIR\/resnet18.safetensors:/,
  ],
  ["old.pth.tar", bytes(0x80, 2, 0x8a, 0x0a), /a PyTorch file .* init=DIR\/old.pth.safetensors:/],
  ["w.safetensors", zip("model/byteorder"), /a PyTorch file .* init=DIR\/w-converted.safetensors:/],
  ["w.npz", zip("conv1.weight.npy"), /NumPy's .npz\. Convert it .*\n {2}python3 -c .*numpy\.load/],
  [
    "w.npy",
    bytes(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59),
    /one array of NumPy .*\. Use weights of PyTorch/,
  ],
  [
    "w.keras",
    zip("metadata.json"),
    /a Keras model\. Use weights of PyTorch as a safetensors file$/,
  ],
  ["w.h5", bytes(0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10), /a Keras model\. Use /],
  ["photos.zip", zip("photos/1.png"), /a zip archive\. Unpack it \(unzip DIR\/photos.zip\)/],
  [
    "w.safetensors.gz",
    bytes(0x1f, 0x8b, 8),
    /gzip .* init=DIR\/w.safetensors:\n {2}gunzip -c DIR\/w/,
  ],
  [
    "w.onnx",
    bytes(8, 7, 0x12, 7),
    /an ONNX model\. Give .*, convert it .*\n {2}python3 -c .*onnx\.load/,
  ],
  ["saved_model.pb", bytes(8, 1, 0x12, 9), /a TensorFlow model\. Use /],
  ["w.tflite", bytes(28, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33), /a TensorFlow Lite model\. Use /],
  ["w.gguf", text("GGUF\x03"), /a GGUF file, of a language model\. Use /],
  ["w.safetensors", bytes(1, 2, 3, 4, 5, 6, 7, 8), /the file is damaged or not a safetensors file/],
];

for (const [name, file, what] of FOREIGN) {
  Deno.test(`a file that is no safetensors file is named: ${name}, ${what.source.slice(0, 20)}`, async () => {
    assert.match(await refusal(file, RESNET8, DATA, name), what);
  });
}

Deno.test("an address is refused with the command that downloads it", async () => {
  const init = "https://example.org/weights?file=resnet18.safetensors&raw=1";
  const recipe = recipeOf(RESNET8, 1, init), { program } = plan(recipe, DATA);
  await assert.rejects(
    initialWeights(recipe, program, DATA),
    /got an address, https:.*; download it \(curl -LO 'https:.*raw=1'\) and give the path of the file$/,
  );
});

Deno.test("the recipe for fine-tuning in the docs has the stem of torchvision's weights", async () => {
  const docs = new URL("../docs/training.md", import.meta.url);
  const [, text] = /## Fine-tuning[^]*?```yaml\n([^]*?)```/.exec(await Deno.readTextFile(docs))!;
  const recipe = parseRecipe(text!, "photos.yaml"), [h, w] = recipe.data.size;
  const { program } = plan(recipe, { ...dataOf(5, h), shape: [h, w, 3] }, { inference: true });
  const shapes = new Map(tensorsOf(program).map(({ name, shape }) => [name, shape]));
  assert.deepEqual(shapes.get("conv1.weight"), [64, 3, 7, 7]);
  assert.deepEqual(shapes.get("layer4-1-conv2.weight"), [512, 512, 3, 3]);
});

Deno.test("commands that convert weights survive any path in a shell", async () => {
  for (const name of ['it\'s $(old) "file".pth', "a&b;c.pth", "-rf.npz"]) {
    const folder = await Deno.makeTempDir({ prefix: "weights of 'x' " });
    try {
      const path = `${folder}/${name}`;
      const { remedy } = foreignFile(bytes(0x80, 2, 0x8a, 0x0a), path)!;
      const command = remedy.split("\n").at(-1)!.trim();
      const script = `python3() { for word in "$@"; do printf '%s\\0' "$word"; done; }; ${command}`;
      const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
      const words = new TextDecoder().decode(stdout).split("\0");
      assert.deepEqual([words[0], words[2]], ["-c", path]);
      assert.deepEqual(words.slice(3), [path.replace(/\.\w+$/, ".safetensors"), ""]);
      assert.match(words[1]!, /^import sys, torch, .*torch\.load\(a, map_location='cpu'\).*, b\)$/);
    } finally {
      await Deno.remove(folder);
    }
  }
});

Deno.test("weights in several files are read by their index, or from a folder, which is said", async () => {
  const folder = await Deno.makeTempDir(), entries = Object.entries(PLAIN);
  const half = Math.floor(entries.length / 2);
  const names = ["model-1-of-2.safetensors", "model-2-of-2.safetensors"] as const;
  const write = (name: string, part: typeof entries) =>
    Deno.writeFile(`${folder}/${name}`, encodeSafetensors(Object.fromEntries(part)));
  const map = Object.fromEntries(entries.map(([name], i) => [name, names[i < half ? 0 : 1]]));
  const index = `${folder}/model.safetensors.index.json`;
  const read = async (init: string) => {
    const recipe = recipeOf(RESNET8, 9, init),
      { program } = plan(recipe, DATA),
      told: string[] = [];
    const { find } = await initialWeights(recipe, program, DATA, (text) => told.push(text));
    for (const [name, { shape, data }] of Object.entries(OWN)) {
      assert.deepEqual([...find(name, shape)], [...data as Float32Array], name);
    }
    return told;
  };
  try {
    await write(names[0], entries.slice(0, half));
    await Deno.writeTextFile(index, JSON.stringify({ weight_map: map }));
    await assert.rejects(read(index), /found 1 of 2; download model-2-of-2.safetensors too$/);
    await write(names[1], entries.slice(half));
    assert.deepEqual(await read(index), []);
    assert.deepEqual(await read(folder), [`init: reading ${index}`]);
    await Deno.remove(index);
    await assert.rejects(
      read(folder),
      /2 files of weights \(model-1-.* and model-2-.*\); give the path of one$/,
    );
    await Deno.remove(`${folder}/${names[1]}`);
    await write(names[0], entries);
    await write(`._${names[0]}`, []);
    assert.deepEqual(await read(folder), [`init: reading ${folder}/${names[0]}`]);
    const outside = JSON.stringify({ weight_map: { "conv1.weight": "../secret.safetensors" } });
    await Deno.writeTextFile(index, outside);
    await assert.rejects(read(index), /got a JSON file, without weights/);
    // Not itself either.
    await Deno.writeTextFile(index, '{"weight_map":{"a":"model.safetensors.index.json"}}');
    await assert.rejects(read(index), /got a JSON file, without weights/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an export has the tensors of PyTorch's network and no others, and is an init", async () => {
  await inFolder(async (out) => {
    const recipe: RecipeInput = {
      ...SHORT,
      data: { format: "glyphs", size: 16, train: 16, test: 8 },
      model: { name: "resnet8", width: 4 },
      train: { batch: 8, max_steps: 2 },
    };
    const { end } = await runOf(recipe, { out });
    const { tensors, metadata } = decodeSafetensors(await exportWeights(out), "export");
    const shape = dataOf(10, 16, 1);
    const expected = Object.keys(pytorch(RESNET8, shape)).flatMap((name) =>
      name.endsWith(".running_var")
        ? [name, name.replace("running_var", "num_batches_tracked")]
        : [name]
    );
    assert.deepEqual(Object.keys(tensors).sort(), expected.sort());
    assert.ok(tensors["layer2.0.shortcut.0.weight"] && tensors["bn1.running_mean"]);
    assert.deepEqual(
      JSON.parse(metadata.ranges!),
      Object.fromEntries([...end.state.ranges].map(([name, { low, high }]) => [name, [low, high]])),
    );
    const { notes, values } = await load(await exportWeights(out), RESNET8, shape);
    assert.deepEqual(notes, []);
    for (const { name, data } of [...end.state.parameters, ...end.state.running]) {
      assert.deepEqual(values[name], [...data], name);
    }
  });
});
