/**
 * What a recipe accepts, what it becomes, and how it is written out.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { formatRecipe, loadRecipe, parseRecipe, resolveRecipe } from "../lib/recipe/load.ts";
import { editDistance, nearest } from "../lib/core/did_you_mean.ts";
import { PathScope } from "../lib/recipe/path_scope.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";

const SHORT = "data: { format: glyphs }\nmodel: { name: cnn }\n";
const GLYPHS = "data: { format: glyphs }\n";

Deno.test("overrides replace, create and reach into lists, in their order", () => {
  const text = GLYPHS + "model: { layers: [relu, { type: linear, features: 10 }] }";
  const recipe = parseRecipe(text, "r.yaml", [
    "train.epochs=1",
    "train.epochs=2",
    "train.optimizer.lr=1e-3",
    "model.layers.1.features=7",
    "model.layers.2=relu6",
    "data.size=[18, 19]",
    "name=other",
  ]);
  assert.equal(recipe.name, "other");
  assert.equal(recipe.train.epochs, 2);
  assert.equal(recipe.train.optimizer.lr, 0.001);
  assert.deepEqual(recipe.data.size, [18, 19]);
  assert.deepEqual(recipe.model, {
    layers: [{ type: "relu" }, { type: "linear", features: 7, bias: true }, { type: "relu6" }],
  });
  assert.throws(() => parseRecipe(text, "r.yaml", ["model.layers.4=relu"]), {
    name: "RecipeError",
    message: 'model.layers.4=relu: model.layers: expected an index from 0 to 2, got "4"',
  });
  assert.equal(parseRecipe("", "r.yaml", ["data.format=glyphs", "model.name=cnn"]).name, "r");
});

Deno.test("one override turns a recipe for idx into one for glyphs", () => {
  const text = "data: { format: idx, root: x, classes: 10 }\nmodel: { name: cnn }";
  assert.equal(parseRecipe(text, "r.yaml", ["data.format=glyphs"]).data.train, 10000);
});

Deno.test("an augmentation is a word or a map, and comes out with its settings", () => {
  const text = `data:
  format: glyphs
  augment: [flip, { crop: { padding: 2 } }, resized_crop, color_jitter, { color_jitter: {} }, cutout, mixup]
model: { name: cnn }`;
  const { data } = parseRecipe(text, "r.yaml");
  const color_jitter = { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0 };
  assert.deepEqual(data.augment, [
    { flip: { probability: 0.5 } },
    { crop: { padding: 2 } },
    { resized_crop: { scale: [0.08, 1], ratio: [0.75, 1.3333] } },
    { color_jitter },
    { color_jitter },
    { cutout: { size: 8 } },
    { mixup: { alpha: 0.2 } },
  ]);
  const whole = parseRecipe(text, "r.yaml", ["data.augment.1.crop.padding=3"]);
  assert.deepEqual(parseRecipe(formatRecipe(whole), "r.yaml").data, whole.data);
});

/** What the two lines of `SHORT` become. */
const COMPLETE: Recipe = {
  pathScope: PathScope.within("."),
  name: "short",
  seed: 1,
  data: {
    format: "glyphs",
    root: "",
    classes: 10,
    class_names: [],
    size: [28, 28],
    channels: 1,
    train: 10000,
    test: 2000,
    mean: [0.5],
    std: [0.5],
    holdout: 0.1,
    on_bad_image: "fail",
    class_weights: "none",
    augment: [],
    workers: "auto",
  },
  model: { name: "cnn", width: 32 },
  init: "",
  freeze: [],
  quantize: {
    arithmetic: "int8",
    weights: { bits: 8, estimator: "current-minmax", per_channel: false },
    activations: {
      bits: 8,
      estimator: "hindsight-minmax",
      momentum: 0.9,
      symmetric: false,
      window: 16,
      margin: 0,
      interval: 100,
    },
    gradients: {
      bits: 8,
      estimator: "hindsight-minmax",
      momentum: 0.9,
      symmetric: false,
      window: 16,
      margin: 0,
      interval: 100,
      rounding: "stochastic",
      scale_rate: false,
    },
    scheduler: "auto",
    calibration_batches: 1,
    layers: [],
  },
  train: {
    epochs: 5,
    max_steps: 0,
    time: 0,
    patience: 0,
    batch: 64,
    micro_batch: 0,
    optimizer: {
      name: "sgd",
      lr: 0.05,
      momentum: 0.9,
      nesterov: false,
      betas: [0.9, 0.999],
      epsilon: 1e-8,
      weight_decay: 1e-4,
    },
    schedule: {
      name: "cosine",
      warmup_steps: 0,
      every_epochs: 10,
      factor: 0.1,
      wait_epochs: 3,
      min_lr: 0,
    },
    clip_norm: 0,
    ema: 0,
    label_smoothing: 0,
    on_nonfinite: "stop",
    max_skipped_steps: 10,
    log_every: 10,
    checkpoint_minutes: 10,
    keep_checkpoints: 3,
  },
  memory: 0,
  telemetry: "basic",
  tensorboard: false,
  distributed: { wire: "f32" },
};

Deno.test("a recipe of two lines gets every default", () => {
  assert.deepEqual(parseRecipe(SHORT, "short.yaml"), COMPLETE);
});

Deno.test("idx takes from the data what the recipe leaves out, and keeps its root as written", () => {
  const text = "data: { format: idx, root: mnist }\nmodel: { name: resnet8 }";
  const recipe = parseRecipe(text, "/a/b/my recipe.yaml");
  assert.equal(recipe.name, "my-recipe");
  assert.equal(recipe.data.root, "mnist");
  assert.deepEqual(recipe.pathScope.placesOf("data.root", "mnist"), ["/a/b/mnist"]);
  assert.deepEqual(recipe.model, { name: "resnet8", width: 16 });
  const { classes, size, channels, train, test } = recipe.data;
  assert.deepEqual({ classes, size, channels, train, test }, {
    classes: 0,
    size: [0, 0],
    channels: 0,
    train: 0,
    test: 0,
  });
  assert.equal(
    parseRecipe(text.replace("mnist", "/m"), "/a/b/r.yaml").data.root,
    "/m",
  );
});

const EVERY_LAYER: RecipeInput = {
  data: { format: "glyphs", mean: [0.1], std: 0.3, size: 12 },
  model: {
    layers: [
      { type: "conv2d", channels: 8, kernel: 3, padding: [1, 0], name: "first" },
      "batch_norm",
      "relu",
      { type: "max_pool", kernel: [2, 3] },
      { type: "avg_pool", kernel: 3, stride: 1, padding: 1 },
      {
        type: "residual",
        body: [{ type: "conv2d", channels: 8, kernel: 1, bias: false }, { type: "relu6" }],
        shortcut: ["relu", { type: "residual", body: ["relu"] }],
      },
      "global_avg_pool",
      { type: "linear", features: 10 },
    ],
  },
  train: { schedule: { name: "step" } },
};

Deno.test("a folder's images are 224×224 and in colour unless the recipe says otherwise", () => {
  const data = (more: object) =>
    resolveRecipe({ data: { format: "folder", root: "d", ...more }, model: { name: "cnn" } }).data;
  assert.deepEqual([data({}).size, data({}).channels, data({}).classes], [[224, 224], 3, 0]);
  assert.deepEqual([data({ size: 64 }).size, data({ channels: 1 }).channels], [[64, 64], 1]);
});

Deno.test("cifar knows the shape of its images, npz takes it from the data", () => {
  const data = (format: "cifar" | "npz") =>
    resolveRecipe({ data: { format, root: "/d" }, model: { name: "resnet8" } }).data;
  const { classes, size, channels } = data("cifar");
  assert.deepEqual([classes, size, channels], [0, [32, 32], 3]);
  const other = data("npz");
  assert.deepEqual([other.classes, other.size, other.channels], [0, [0, 0], 0]);
});

Deno.test("layers are spelled out with pairs and defaults", () => {
  const { model } = resolveRecipe(EVERY_LAYER);
  assert.deepEqual(model, {
    layers: [
      {
        type: "conv2d",
        name: "first",
        channels: 8,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 0],
        groups: 1,
        bias: true,
      },
      { type: "batch_norm", momentum: 0.1, epsilon: 1e-5 },
      { type: "relu" },
      { type: "max_pool", kernel: [2, 3], stride: [2, 3], padding: [0, 0] },
      { type: "avg_pool", kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
      {
        type: "residual",
        body: [
          {
            type: "conv2d",
            channels: 8,
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
            groups: 1,
            bias: false,
          },
          { type: "relu6" },
        ],
        shortcut: [
          { type: "relu" },
          { type: "residual", body: [{ type: "relu" }], shortcut: [] },
        ],
      },
      { type: "global_avg_pool" },
      { type: "linear", features: 10, bias: true },
    ],
  });
});

Deno.test("a program's object is completed, left as it was, and a complete recipe comes back equal", () => {
  const input: RecipeInput = { data: { format: "glyphs" }, model: { name: "cnn" } };
  const recipe = resolveRecipe(input);
  assert.deepEqual(recipe, { ...COMPLETE, name: "run" });
  assert.deepEqual(input, { data: { format: "glyphs" }, model: { name: "cnn" } });
  assert.deepEqual(resolveRecipe(recipe), recipe);
  const idx = resolveRecipe({ data: { format: "idx", root: "d" }, model: { name: "cnn" } }, "/x");
  assert.equal(idx.data.root, "d");
  assert.deepEqual(idx.pathScope.placesOf("data.root", "d"), ["/x/d"]);
});

Deno.test("a recipe is frozen throughout", () => {
  const recipe = resolveRecipe(EVERY_LAYER);
  assert.ok(Object.isFrozen(recipe) && Object.isFrozen(recipe.train.optimizer));
  assert.ok("layers" in recipe.model && Object.isFrozen(recipe.model.layers[0]));
});

Deno.test("a written recipe reads back as the same recipe and is written the same again", () => {
  for (const recipe of [COMPLETE, resolveRecipe(EVERY_LAYER)]) {
    const text = formatRecipe(recipe);
    const again = parseRecipe(text, "elsewhere/recipe.yaml");
    assert.deepEqual(again, recipe);
    assert.equal(formatRecipe(again), text);
  }
});

Deno.test("a written recipe keeps pairs on one line", () => {
  assert.match(formatRecipe(COMPLETE), /^ {2}size: \[28, 28\]$/m);
});

Deno.test("every recipe in configs loads, and survives being written out", async () => {
  const folder = new URL("../configs/", import.meta.url);
  let count = 0;
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".yaml")) continue;
    const recipe = await loadRecipe(decodeURIComponent(new URL(name, folder).pathname));
    assert.equal(recipe.name, name.replace(".yaml", ""));
    assert.deepEqual(parseRecipe(formatRecipe(recipe), "/x/r.yaml"), recipe);
    count++;
  }
  assert.ok(count >= 2);
});

Deno.test("the nearest word is near, and of equals the first", () => {
  assert.equal(editDistance("bacth", "batch"), 1);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(nearest("Conv2D", ["linear", "conv2d"]), "conv2d");
  assert.equal(nearest("batch-norm", ["batch_norm"]), "batch_norm");
  assert.equal(nearest("relu7", ["relu", "relu6"]), "relu");
  assert.equal(nearest("cifar", ["glyphs", "idx"]), undefined);
  assert.equal(nearest("x", ["h", "w"]), undefined);
});
