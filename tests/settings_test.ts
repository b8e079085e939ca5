/**
 * What a person reads of how a network is quantized.
 *
 * @module
 */
import assert from "node:assert/strict";
import { arithmetic, length, microBatches, schedule, settings } from "../cli/settings.ts";
import { plan } from "../lib/program/plan.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";

const GLYPHS: RecipeInput = { data: { format: "glyphs" }, model: { name: "cnn" } };

const rows = (quantize: NonNullable<RecipeInput["quantize"]>) =>
  arithmetic(resolveRecipe({ data: { format: "glyphs" }, model: { name: "cnn" }, quantize }))
    .map(([name, value]) => `${name}: ${value}`);

Deno.test("every class of tensors says its bits, its estimator and what that goes by", () => {
  assert.deepEqual(
    rows({
      arithmetic: "simulated",
      weights: { bits: 4, per_channel: true },
      activations: { estimator: "delayed-max", window: 8, margin: 1, symmetric: true },
      gradients: { estimator: "dsgc", interval: 50, scale_rate: true, rounding: "nearest" },
      layers: [
        { match: "conv1|linear", weights: { bits: 8 }, activations: { bits: 8 } },
        { match: "norm*", gradients: { estimator: "current-minmax" } },
      ],
      scheduler: "device",
    }),
    [
      "arithmetic: simulated: f32 that holds quantized values",
      "weights: 4 bits, current-minmax, a range for each output channel",
      "activations: 8 bits, delayed-max over 8 steps, margin 1, symmetric",
      "gradients: 8 bits, dsgc every 50 steps, scales the rate, nearest",
      "layers conv1|linear: weights 8 bits; activations 8 bits",
      "layers norm*: gradients current-minmax",
      "scheduler: device",
    ],
  );
  assert.deepEqual(
    rows({
      arithmetic: "simulated",
      weights: { estimator: "none" },
      activations: { estimator: "fixed", range: [-1, 4] },
      gradients: { estimator: "hindsight-guarded" },
      scheduler: "auto",
    }),
    [
      "arithmetic: simulated: f32 that holds quantized values",
      "weights: not quantized",
      "activations: 8 bits, fixed [-1, 4]",
      "gradients: 8 bits, hindsight-guarded 0.9, stochastic",
      "scheduler: auto: device",
    ],
  );
  assert.deepEqual(rows({ arithmetic: "float32", gradients: { bits: 4 } }), [
    "arithmetic: float32, no quantizers",
  ]);
});

Deno.test("a batch that is cut says so, and what batch norm sees of it", () => {
  const programOf = (micro_batch: number, layers?: RecipeInput["model"]) =>
    plan(
      resolveRecipe({
        data: { format: "glyphs" },
        model: layers ?? { name: "cnn" },
        train: { batch: 64, micro_batch },
      }),
      { shape: [28, 28, 1], classes: 10, mean: [0.5], std: [0.5] },
    ).program;
  assert.deepEqual(microBatches(programOf(0)), []);
  assert.deepEqual(microBatches(programOf(64)), []);
  assert.deepEqual(microBatches(programOf(16)), [
    ["batch", "64 images in 4 micro-batches of 16; batch norm sees only 16 images at once"],
  ]);
  assert.deepEqual(microBatches(programOf(1, { layers: [{ type: "linear", features: 10 }] })), [
    ["batch", "64 images in 64 micro-batches of 1"],
  ]);
});

Deno.test("the settings say how a step ends", () => {
  const recipe = resolveRecipe({
    data: { format: "glyphs", class_weights: "balanced" },
    model: { name: "cnn" },
    train: {
      optimizer: { name: "adamw" },
      clip_norm: 1,
      ema: 0.999,
      label_smoothing: 0.1,
    },
  });
  const data = { shape: [28, 28, 1], classes: 10, mean: [0.5], std: [0.5] } as const;
  const rows = settings({
    type: "start",
    recipe,
    program: plan(recipe, data).program,
    device: "cpu",
    adapter: "",
    trainImages: 64,
    testImages: 1,
    steps: 5,
    memoryBytes: 10 * 2 ** 20,
    resumedFrom: 0,
  }, "");
  const of = (name: string) => rows.find(([key]) => key === name)?.[1];
  assert.equal(
    of("optimizer"),
    "adamw, lr 0.001, betas 0.9 and 0.999, weight decay 0.01, gradients clipped to norm 1",
  );
  assert.equal(of("labels"), "smoothed by 0.1");
  assert.equal(of("classes"), "weighted by one divided by their images");
  assert.equal(of("evaluation"), "of a moving average, ema 0.999");
});

Deno.test("the settings say how long a run is, and what its schedule goes by", () => {
  const of = (train: NonNullable<RecipeInput["train"]>, steps?: number) =>
    length(resolveRecipe({ ...GLYPHS, train }).train, steps);
  assert.equal(of({ epochs: 1 }, 1000), "1 epoch, 1,000 steps of 64 images");
  assert.equal(of({}), "5 epochs, steps of 64 images");
  assert.equal(
    of({ patience: 3 }, 10),
    "5 epochs, 10 steps of 64 images; ends after 3 epochs without a higher test accuracy",
  );
  assert.equal(of({ time: 1.5 }, 10), "1h 30m, steps of 64 images; train.epochs is not used");
  assert.equal(
    of({ time: 0.5, max_steps: 9, patience: 1 }, 9),
    "30m 00s, at most 9 steps of 64 images; train.epochs is not used; " +
      "ends after 1 epoch without a higher test accuracy",
  );
  const { schedule: plateau } =
    resolveRecipe({ ...GLYPHS, train: { schedule: { name: "plateau", min_lr: 1e-3 } } }).train;
  assert.equal(
    schedule(plateau),
    "plateau: times 0.1 after 4 epochs without a lower test loss, not below 0.001",
  );
});
