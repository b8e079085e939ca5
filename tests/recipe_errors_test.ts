/**
 * The exact words for everything that can be wrong with a recipe.
 *
 * @module
 */

import "./support/isolate.ts";
import assert from "node:assert/strict";
import { RecipeError, UsageError } from "../lib/core/errors.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { loadRecipe, parseRecipe, resolveRecipe } from "../lib/recipe/load.ts";

const SHORT = "data: { format: glyphs }\nmodel: { name: cnn }\n";
const GLYPHS = "data: { format: glyphs }\n";

/** The message for a bad recipe. */
function complaint(text: string, overrides: string[] = []): string {
  try {
    parseRecipe(text, "r.yaml", overrides);
  } catch (error) {
    if (error instanceof RecipeError) return error.message;
    throw error;
  }
  throw new assert.AssertionError({ message: `accepted:\n${text}` });
}

const LAYERS =
  "conv2d, linear, batch_norm, relu, relu6, max_pool, avg_pool, global_avg_pool, dropout, residual";
const PAIR = "a whole number from 1 to 65536, or two of them as [h, w]";
const BITS = "a whole number from 2 to 8 (to 16 with arithmetic: simulated)";
const TOP_KEYS =
  "name, seed, data, model, init, freeze, quantize, train, memory, telemetry, tensorboard, distributed";

/** What the text is, the text, and the whole message. */
const BAD_TEXTS: [string, string, string][] = [
  ["empty", "", "r.yaml:1:1: expected a map with at least data and model, got nothing"],
  ["a word", "hi", 'r.yaml:1:1: expected a map with at least data and model, got "hi"'],
  ["a list", "[1]", "r.yaml:1:1: expected a map with at least data and model, got [1]"],
  [
    "an unclosed list",
    "seed: 1\ntrain: [1",
    "r.yaml:2:10: expected valid YAML, got the end of the text " +
    "(flow sequence in block collection must be sufficiently indented and end with a ])",
  ],
  [
    "a tab",
    "data:\n\tformat: idx",
    'r.yaml:2:1: expected valid YAML, got "\\tformat: idx" (a tab at the beginning of a line; use blanks)',
  ],
  [
    "a repeated key",
    "seed: 1\nseed: 2",
    'r.yaml:2:1: expected valid YAML, got "seed: 2" (this key is there twice)',
  ],
  [
    "two documents",
    "seed: 1\n---\nseed: 2",
    'r.yaml:2:1: expected valid YAML, got "---" (a second document)',
  ],
  [
    "an unknown tag",
    "seed: !big 2",
    'r.yaml:1:7: expected valid YAML, got "!big 2" (unresolved tag: !big)',
  ],
  [
    "an unknown alias",
    "seed: *x",
    'r.yaml:1:7: expected valid YAML, got "*x" (no anchor &x before it)',
  ],
  [
    "an alias bomb",
    "a: &a [x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\n" +
    "d: [*c,*c,*c,*c,*c,*c]",
    'r.yaml:4:20: expected valid YAML, got "*c]" (too many aliases of aliases)',
  ],
  ["an alias of itself", "a: &a [*a]", "r.yaml:1:1: a: expected at most 64 levels, got more"],
  [
    "a list as key",
    "? [1]\n: 2",
    'r.yaml:1:3: expected valid YAML, got "[1]" (a key must be a word)',
  ],
  [
    "deep nesting",
    SHORT + "train: " + "[".repeat(70) + "]".repeat(70),
    "r.yaml:3:1: train: expected at most 64 levels, got more",
  ],
  [
    "no data",
    "model: { name: cnn }",
    "r.yaml:1:1: data: missing; " +
    "expected a map with at least format: glyphs, idx, cifar, npz or folder",
  ],
  [
    "a misspelt key",
    SHORT + "train:\n  bacth: 3",
    "r.yaml:4:3: train.bacth: unknown key (did you mean train.batch?)",
  ],
  [
    "a key in the wrong map",
    SHORT + "lr: 3",
    "r.yaml:3:1: lr: unknown key (did you mean train.optimizer.lr?)",
  ],
  ["an empty key", SHORT + "? \n: 3", `r.yaml:3:3: "": unknown key; expected one of ${TOP_KEYS}`],
  [
    "a key named __proto__",
    SHORT + "__proto__: {}",
    `r.yaml:3:1: __proto__: unknown key; expected one of ${TOP_KEYS}`,
  ],
  [
    "an unknown format",
    "data:\n  format: ixd\nmodel: { name: cnn }",
    'r.yaml:2:11: data.format: expected one of glyphs, idx, cifar, npz, folder, got "ixd" (did you mean idx?)',
  ],
  [
    "a later format",
    "data: { format: tar, root: x }\nmodel: { name: cnn }",
    'r.yaml:1:17: data.format: expected one of glyphs, idx, cifar, npz, folder, got "tar"',
  ],
  [
    "idx without root",
    "data: { format: idx }\nmodel: { name: cnn }",
    "r.yaml:1:1: data.root: missing; expected the path of the folder of the IDX files",
  ],
  [
    "cifar without root, with what its images are not",
    "data: { format: cifar, classes: 12, size: 28, channels: 1 }\nmodel: { name: cnn }",
    [
      "r.yaml:1:1: data.root: missing; expected the path of the folder of the CIFAR files",
      "r.yaml:1:33: data.classes: expected 10 for CIFAR-10, 100 (fine) or 20 (coarse) for " +
      "CIFAR-100, got 12",
      "r.yaml:1:43: data.size: expected 32 (or 0), as cifar images are 32×32, got 28",
      "r.yaml:1:57: data.channels: expected 3 (or 0), as cifar images are in colour, got 1",
    ].join("\n"),
  ],
  [
    "a folder without root, of four channels",
    "data: { format: folder, channels: 4 }\nmodel: { name: cnn }",
    [
      "r.yaml:1:1: data.root: missing; expected the path of a folder with a folder of images for " +
      "each class",
      "r.yaml:1:35: data.channels: expected 3 (or 0) for colour, 1 for grey, got 4",
    ].join("\n"),
  ],
  [
    "a folder of which all is held out, with an unknown way to go on",
    "data: { format: folder, root: x, holdout: 1, on_bad_image: stop }\nmodel: { name: cnn }",
    [
      "r.yaml:1:43: data.holdout: expected a number above 0 and below 1, got 1",
      'r.yaml:1:60: data.on_bad_image: expected one of fail, skip, got "stop"',
    ].join("\n"),
  ],
  [
    "npz without root, with more channels than means",
    "data: { format: npz, channels: 4, mean: [0, 0, 0] }\nmodel: { name: cnn }",
    [
      "r.yaml:1:1: data.root: missing; expected the path of an .npz file, or of a folder of .npy " +
      "files",
      "r.yaml:1:41: data.mean: expected one number, or 4 as there are that many channels, " +
      "got [0, 0, 0]",
    ].join("\n"),
  ],
  [
    "numbers of data out of range",
    "data: { format: glyphs, channels: 5, train: -1, std: 0, augment: flip }\nmodel: { name: cnn }",
    [
      "r.yaml:1:35: data.channels: expected a whole number from 0 to 4, got 5",
      "r.yaml:1:45: data.train: expected a whole number of at least 0, got -1",
      "r.yaml:1:54: data.std: expected a number above 0, got 0",
      'r.yaml:1:66: data.augment: expected a list of augmentations such as flip, got "flip"; a list is in brackets, as in [flip]',
    ].join("\n"),
  ],
  [
    "augmentations that there are not, or that cannot be",
    "data:\n  format: glyphs\n  workers: all\n  augment:\n    - flop\n    - { crop: { pad: 4 } }\n" +
    "    - { resized_crop: { scale: [1, 0.5] } }\n    - { flip: {}, crop: {} }\n" +
    "    - { color_jitter: { hue: 1 } }\n    - mixup\n    - { mixup: { alpha: 0 } }\n" +
    "model: { name: cnn }",
    [
      'r.yaml:3:12: data.workers: expected auto or a whole number from 0 to 64, got "all"',
      "r.yaml:5:7: data.augment.0: expected one of flip, crop, resized_crop, color_jitter, cutout, mixup, " +
      'got "flop" (did you mean flip?)',
      "r.yaml:6:17: data.augment.1.crop.pad: unknown key; expected padding",
      "r.yaml:7:32: data.augment.2.resized_crop.scale: expected two shares of the area above 0 and " +
      "at most 1, as [least, largest], got [1, 0.5]",
      "r.yaml:8:7: data.augment.3: expected a map with one key, one of flip, crop, resized_crop, " +
      "color_jitter, cutout, mixup, got a map",
      "r.yaml:9:30: data.augment.4.color_jitter.hue: expected a number from 0 to 0.5, got 1",
      "r.yaml:11:25: data.augment.6.mixup.alpha: expected a number above 0, got 0",
    ].join("\n"),
  ],
  [
    "fields of data that do not fit together",
    "data: { format: glyphs, classes: 12, size: [0, 5], mean: [1, 2], channels: 3 }\n" +
    "model: { name: cnn }",
    [
      "r.yaml:1:34: data.classes: expected a whole number from 2 to 10, as there are 10 glyphs, got 12",
      "r.yaml:1:44: data.size: expected a height and a width, or 0 to take both from the data, got [0, 5]",
      "r.yaml:1:58: data.mean: expected one number, or 3 as there are that many channels, got [1, 2]",
      "r.yaml:1:76: data.channels: expected 1 (or 0), as glyphs images are grey, got 3",
    ].join("\n"),
  ],
  [
    "a bare word as model",
    GLYPHS + "model: cnn",
    'r.yaml:2:8: model: expected a map with name (cnn, mlp, resnet8, resnet20, resnet18, vgg16 or mobilenet-v2) or layers, got "cnn"',
  ],
  [
    "an unknown network",
    GLYPHS + "model: { name: resnet9 }",
    'r.yaml:2:16: model.name: expected one of cnn, mlp, resnet8, resnet20, resnet18, vgg16, mobilenet-v2, got "resnet9" (did you mean resnet8?)',
  ],
  [
    "name and layers",
    GLYPHS + "model: { name: cnn, layers: [relu] }",
    'r.yaml:2:29: model.layers: expected no layers beside name, got ["relu"]',
  ],
  [
    "no layers",
    GLYPHS + "model: { layers: [] }",
    "r.yaml:2:18: model.layers: expected a list of at least one layer, got []",
  ],
  [
    "layers of every wrong kind",
    GLYPHS + `model:
  layers:
    - { type: conv2d, channels: 0, kernel: [3, 3, 3] }
    - Relu
    - { type: max_pool, kernel: 2, padding: [1, 2] }
    - 5
    - linear
    - { kernel: 3 }
    - { type: residual, body: [{ type: relu, kernel: 3 }] }
    - { type: batch_norm, momentum: 2, epsilon: 0, name: "a b" }
    - { type: conv2d, channels: 65537, kernel: 1.5, stride: 0, bias: 1 }`,
    [
      "r.yaml:4:33: model.layers.0.channels: expected a whole number from 1 to 65536, got 0",
      `r.yaml:4:44: model.layers.0.kernel: expected ${PAIR}, got [3, 3, 3]`,
      `r.yaml:5:7: model.layers.1: expected one of ${LAYERS}, got "Relu" (did you mean relu?)`,
      "r.yaml:6:45: model.layers.2.padding: expected padding smaller than the kernel, " +
      "which is [2, 2], got [1, 2]",
      "r.yaml:7:7: model.layers.3: expected a layer: a map with a type, or a bare word such as relu, got 5",
      "r.yaml:8:7: model.layers.4.features: missing; expected a whole number from 1 to 65536",
      `r.yaml:9:7: model.layers.5.type: missing; expected one of ${LAYERS}`,
      "r.yaml:10:46: model.layers.6.body.0.kernel: unknown key; expected one of type, name",
      "r.yaml:11:37: model.layers.7.momentum: expected a number from 0 to 1, got 2",
      "r.yaml:11:49: model.layers.7.epsilon: expected a number above 0, got 0",
      'r.yaml:11:58: model.layers.7.name: expected a name of letters, digits, _ and -, got "a b"',
      "r.yaml:12:33: model.layers.8.channels: expected a whole number from 1 to 65536, got 65537",
      `r.yaml:12:48: model.layers.8.kernel: expected ${PAIR}, got 1.5`,
      "r.yaml:12:61: model.layers.8.stride: expected a whole number from 1 to 65536, got 0",
      "r.yaml:12:70: model.layers.8.bias: expected true or false, got 1",
    ].join("\n"),
  ],
  [
    "a layer's name twice",
    GLYPHS +
    "model: { layers: [{ type: relu, name: a }, { type: residual, body: [{ type: relu, name: a }] }] }",
    'r.yaml:2:89: model.layers.1.body.0.name: expected a name that no layer before it has, got "a"',
  ],
  [
    "quantize settings out of their bounds",
    SHORT + `quantize:
  arithmetic: int4
  weights: { bits: 17, symmetric: true }
  activations: { bits: 1, momentum: 1, range: [2, 1] }
  gradients: { estimator: hindsight, rounding: stochastc }
  scheduler: cpu
  lag: 2
  layers: [{ match: conv1, gradients: { bits: 1 } }, { weights: {} }]`,
    [
      'r.yaml:4:15: quantize.arithmetic: expected one of int8, simulated, float32, got "int4" ' +
      "(did you mean int8?)",
      `r.yaml:5:20: quantize.weights.bits: expected ${BITS}, got 17`,
      "r.yaml:5:24: quantize.weights.symmetric: unknown key " +
      "(did you mean quantize.activations.symmetric?)",
      `r.yaml:6:24: quantize.activations.bits: expected ${BITS}, got 1`,
      "r.yaml:6:37: quantize.activations.momentum: " +
      "expected a number of at least 0 and less than 1, got 1",
      "r.yaml:6:47: quantize.activations.range: expected two numbers, [low, high], of which the " +
      "first is smaller, got [2, 1]",
      "r.yaml:7:27: quantize.gradients.estimator: expected one of hindsight-minmax, " +
      "current-minmax, running-minmax, dsgc, delayed-max, hindsight-guarded, fixed, none, " +
      'got "hindsight"',
      "r.yaml:7:48: quantize.gradients.rounding: expected one of stochastic, nearest, " +
      'got "stochastc" (did you mean stochastic?)',
      'r.yaml:8:14: quantize.scheduler: expected one of host, device, auto, got "cpu"',
      "r.yaml:9:3: quantize.lag: lag is gone, as the scheduler on the device is faster: use " +
      "scheduler: device",
      `r.yaml:10:47: quantize.layers.0.gradients.bits: expected ${BITS}, got 1`,
      "r.yaml:10:54: quantize.layers.1.match: missing; expected the name of a layer, or a pattern " +
      "such as conv*",
    ].join("\n"),
  ],
  [
    "keys of earlier recipes",
    "data: { format: glyphs, augment: [jitter, { jitter: {} }, { flip: { share: 0.5 } }] }\n" +
    "model: { name: cnn }\nquantize:\n  calibrate: 1\n  weights: { momentum: 0.9 }\n" +
    "  layers: [{ match: conv1, weights: { momentum: 0.5 } }]\n" +
    "train: { keep: 3, most_skips: 10 }",
    [
      "r.yaml:1:35: data.augment.0: this augmentation is now color_jitter",
      "r.yaml:1:45: data.augment.1.jitter: this augmentation is now color_jitter",
      "r.yaml:1:69: data.augment.2.flip.share: this key is now probability",
      "r.yaml:4:3: quantize.calibrate: this key is now calibration_batches",
      "r.yaml:5:14: quantize.weights.momentum: leave it out: no estimator of weights uses it",
      "r.yaml:6:39: quantize.layers.0.weights.momentum: leave it out: no estimator of weights uses it",
      "r.yaml:7:10: train.keep: this key is now keep_checkpoints",
      "r.yaml:7:19: train.most_skips: this key is now max_skipped_steps",
    ].join("\n"),
  ],
  [
    "what int8 cannot do",
    SHORT + `quantize:
  weights: { bits: 9 }
  activations: { estimator: none }
  layers:
    - { match: conv1, gradients: { bits: 12 } }
    - { match: conv2, weights: { estimator: none } }`,
    [
      "r.yaml:4:20: quantize.weights.bits: expected at most 8 with arithmetic: int8; more bits need " +
      "simulated, got 9",
      "r.yaml:5:29: quantize.activations.estimator: expected an estimator, as int8 quantizes " +
      "every class of tensors; to leave activations as they are, use arithmetic: simulated, " +
      'got "none"',
      "r.yaml:7:42: quantize.layers.0.gradients.bits: expected at most 8 with arithmetic: int8; " +
      "more bits need simulated, got 12",
      "r.yaml:8:45: quantize.layers.1.weights.estimator: expected an estimator, as int8 quantizes " +
      "every class of tensors; to leave weights as they are, use arithmetic: simulated, " +
      'got "none"',
    ].join("\n"),
  ],
  [
    "fixed without a range",
    SHORT + `quantize:
  activations: { estimator: fixed }
  gradients: { range: [-1, 1] }
  layers:
    - { match: conv1, activations: { range: [0, 6] } }
    - { match: conv2, gradients: { estimator: fixed } }`,
    "r.yaml:4:3: quantize.activations.range: missing; expected [low, high], as the estimator is fixed",
  ],
  [
    "a section without its fields",
    SHORT + "train:\n",
    "r.yaml:3:7: train: expected a map with keys such as epochs, max_steps, time, patience, got nothing",
  ],
  [
    "numbers of training out of range",
    SHORT + `train:
  epochs: 1.5
  batch: -3
  optimizer: { lr: .nan, weight_decay: -1, nesterov: yes }
  schedule: { name: step, every_epochs: 0, factor: 2 }
seed: 4294967296`,
    [
      "r.yaml:4:11: train.epochs: expected a whole number of at least 1, got 1.5",
      "r.yaml:5:10: train.batch: expected auto or a whole number from 1 to 65536, got -3",
      "r.yaml:6:20: train.optimizer.lr: expected a number above 0, got NaN",
      "r.yaml:6:40: train.optimizer.weight_decay: expected a number of at least 0, got -1",
      'r.yaml:6:54: train.optimizer.nesterov: expected true or false, got "yes"',
      "r.yaml:7:41: train.schedule.every_epochs: expected a whole number of at least 1, got 0",
      "r.yaml:7:52: train.schedule.factor: expected a number above 0 and at most 1, got 2",
      "r.yaml:8:7: seed: expected a whole number from 0 to 4294967295, got 4294967296",
    ].join("\n"),
  ],
  [
    "a micro-batch that does not divide the batch",
    SHORT + "train: { batch: 64, micro_batch: 24 }",
    "r.yaml:3:34: train.micro_batch: expected a divisor of train.batch (64), or 0 for the whole " +
    "batch, got 24",
  ],
  [
    "a name that leaves the folder",
    SHORT + "name: ../x",
    "r.yaml:3:7: name: expected a name for a folder, of letters, digits, _, - and . " +
    '(a letter, digit or _ first), got "../x"',
  ],
];

for (const [what, text, message] of BAD_TEXTS) {
  Deno.test(`a recipe with the fault "${what}" is refused in exact words`, () => {
    assert.equal(complaint(text), message);
  });
}

/** An override of `SHORT`, and the whole message. */
const BAD_OVERRIDES: [string, string][] = [
  ["train.epochs=abc", 'train.epochs: expected a whole number of at least 1, got "abc"'],
  ["train.epochs=", "train.epochs: expected a whole number of at least 1, got nothing"],
  ["train.epoch=3", "train.epoch: unknown key (did you mean train.epochs?)"],
  ["train.bacth=1", "train.bacth: unknown key (did you mean train.batch?)"],
  ["foo.bar=1", `foo: unknown key; expected one of ${TOP_KEYS}`],
  ["__proto__.x=1", `__proto__: unknown key; expected one of ${TOP_KEYS}`],
  ["data={}", "data.format: missing; expected one of glyphs, idx, cifar, npz, folder"],
  ["data.format.x=1", 'data.format: expected a map to set x in, got "glyphs"'],
  [
    "model.name=[cnn]",
    'model.name: expected one of cnn, mlp, resnet8, resnet20, resnet18, vgg16, mobilenet-v2, got "[cnn]"',
  ],
  [
    "train.epochs=[1",
    "train.epochs: expected valid YAML, got the end of the text (flow sequence must end with a ])",
  ],
];

for (const [override, message] of BAD_OVERRIDES) {
  Deno.test(`the override ${override} is refused and named in the message`, () => {
    assert.equal(complaint(SHORT, [override]), `${override}: ${message}`);
  });
}

Deno.test("an override without a key or an equals sign is wrong usage", () => {
  for (const override of ["train.epochs", "=1", "a..b=1", ""]) {
    assert.throws(() => parseRecipe(SHORT, "r.yaml", [override]), UsageError);
  }
  assert.throws(() => parseRecipe(SHORT, "r.yaml", ["fast"]), {
    message: 'fast: expected key=value with a dotted key, such as train.epochs=1, got "fast"',
  });
});

Deno.test("of many problems the first twenty are told, in the order of the text", () => {
  const keys = Array.from({ length: 23 }, (_, i) => `zz${i}: 1`).join("\n");
  const lines = complaint(`${SHORT}${keys}`).split("\n");
  assert.equal(lines.length, 21);
  assert.match(lines[19]!, /^r\.yaml:22:1: zz19: /);
  assert.equal(lines[20], "… and 3 more");
});

Deno.test("text nested without end is refused, not a stack overflow", () => {
  for (const text of ["[".repeat(50000), "- ".repeat(50000)]) {
    assert.match(complaint(text), /^r\.yaml:1:\d+: expected valid YAML, .* \(nested too deeply\)$/);
  }
});

Deno.test("a file that is missing, a folder, too large or not text is refused in one line", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/bytes.yaml`, new Uint8Array([0x61, 0xff, 0xfe]));
    await Deno.writeTextFile(`${folder}/large.yaml`, "#".repeat(2 ** 20 + 1));
    const cases = [
      ["/none.yaml", ": expected a recipe, a YAML file, got no such file"],
      ["", ": expected a recipe, a YAML file, got a folder"],
      ["/large.yaml", ": expected a recipe, a YAML file of at most 1 MiB, got a larger one"],
      [
        "/bytes.yaml",
        ":1:2: expected a recipe in UTF-8 text, got bytes that are not; save it as UTF-8",
      ],
    ];
    for (const [name, message] of cases) {
      await assert.rejects(loadRecipe(folder + name), {
        name: "RecipeError",
        message: folder + name + message,
      });
    }
    await Deno.writeTextFile(`${folder}/mark.yaml`, "\ufeff" + SHORT.replaceAll("\n", "\r\n"));
    assert.equal((await loadRecipe(`${folder}/mark.yaml`)).name, "mark");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a bad object is refused without a position, also one that contains itself", () => {
  const wrong = { data: { format: "glyphs" }, model: { name: "cnn" }, sede: 1 };
  assert.throws(() => resolveRecipe(wrong as RecipeInput), {
    name: "RecipeError",
    message: "recipe: sede: unknown key (did you mean seed?)",
  });
  const loop: { type: "residual"; body: RecipeInput[] } = { type: "residual", body: [] };
  loop.body.push(loop as unknown as RecipeInput);
  const input = { data: { format: "glyphs" }, model: { layers: [loop] } } as unknown as RecipeInput;
  assert.throws(() => resolveRecipe(input), {
    name: "RecipeError",
    message: "recipe: model: expected at most 64 levels, got more",
  });
});
