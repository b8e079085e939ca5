/**
 * Networks that reach every kernel with ragged edges: 1×1 images, channels 1, 3, 5, 17 and those
 * that wide loads divide, batches 1 and 7, strides 1–3, kernels 1–5.
 *
 * @module
 */
import type { PairInput } from "../../lib/recipe/fields.ts";
import type { LayerInput } from "../../lib/recipe/layers.ts";
import type { Case } from "./networks.ts";

const conv = (channels: number, kernel: PairInput, more: object = {}): LayerInput => ({
  type: "conv2d",
  channels,
  kernel,
  bias: false,
  ...more,
});
const biased = (channels: number, kernel: PairInput, more: object = {}) =>
  conv(channels, kernel, { ...more, bias: true });
const depthwise = (channels: number, kernel: PairInput, more: object = {}) =>
  conv(channels, kernel, { groups: channels, ...more });
const linear = (features: number, bias = true): LayerInput => ({ type: "linear", features, bias });
const residual = (
  body: readonly LayerInput[],
  shortcut: readonly LayerInput[] = [],
): LayerInput => ({ type: "residual", body, shortcut });

/** Networks in int8 with the paper's estimators. */
export const CASES: readonly Case[] = [
  {
    name: "one pixel, one channel, one image",
    image: [1, 1, 1],
    batch: 1,
    classes: 3,
    layers: [
      biased(3, 1),
      "relu6",
      conv(5, 3, { padding: 1 }),
      "batch_norm",
      "relu",
      { type: "max_pool", kernel: 1 },
      biased(1, 1),
      "relu",
      linear(3),
    ],
  },
  {
    name: "ragged channels, every stride, pools that overlap",
    image: [13, 11, 3],
    batch: 7,
    classes: 5,
    optimizer: { nesterov: true, momentum: 0.8, weight_decay: 0.01 },
    layers: [
      biased(5, 3, { stride: 2, padding: 1 }),
      "relu6",
      biased(17, [2, 3], { stride: [1, 3], padding: [0, 1] }),
      "relu",
      { type: "max_pool", kernel: 3, stride: 1, padding: 1 },
      residual([conv(17, 1), "batch_norm", "relu6", biased(17, 3, { padding: 1 })]),
      "relu",
      residual(["batch_norm", "relu"]),
      { type: "avg_pool", kernel: [3, 2], stride: [2, 1], padding: 1 },
      conv(6, [5, 4], { stride: 3, padding: 2 }),
      "batch_norm",
      linear(9, false),
      "relu",
      linear(5),
    ],
  },
  {
    name: "channels that wide loads divide, several tiles and chunks",
    image: [19, 17, 4],
    batch: 7,
    classes: 10,
    layers: [
      conv(8, 3, { padding: 1 }),
      "batch_norm",
      "relu",
      conv(16, 3, { stride: 2, padding: 1 }),
      "batch_norm",
      "relu6",
      { type: "max_pool", kernel: 2 },
      residual(
        [conv(32, 3, { stride: 2, padding: 1 }), "batch_norm"],
        [conv(32, 1, { stride: 2 }), "batch_norm"],
      ),
      "relu",
      biased(32, [4, 3], { stride: [3, 2], padding: [2, 1] }),
      "relu",
      conv(8, 1, { stride: 3 }),
      "batch_norm",
      "global_avg_pool",
      linear(10),
    ],
  },
  {
    name: "gradients that meet: nested residuals, an activation on every branch",
    image: [6, 5, 1],
    batch: 7,
    classes: 4,
    quantize: {
      weights: { bits: 4 },
      activations: { bits: 4, symmetric: true },
      gradients: { bits: 8, symmetric: true },
    },
    layers: [
      "batch_norm",
      biased(8, 3, { padding: 1 }),
      residual([residual([conv(8, 3, { padding: 1 }), "batch_norm"]), "relu6"]),
      "relu6",
      residual(["batch_norm", "relu", conv(8, 1)], ["relu", conv(8, 1)]),
      residual(["relu"], ["relu6"]),
      "batch_norm",
      "relu",
      residual([{ type: "max_pool", kernel: 3, stride: 1, padding: 1 }, "relu"]),
      "relu",
      { type: "avg_pool", kernel: 2, stride: 2 },
      residual([{ type: "avg_pool", kernel: 3, stride: 1, padding: 1 }], ["batch_norm"]),
      linear(4),
    ],
  },
  {
    name: "linear over height and width, two bits, rounding to nearest",
    image: [3, 2, 3],
    batch: 1,
    classes: 5,
    quantize: {
      weights: { bits: 2 },
      activations: { bits: 2 },
      gradients: { bits: 2, rounding: "nearest" },
    },
    layers: [
      biased(17, 2, { padding: 1 }),
      "relu",
      linear(16),
      "relu6",
      linear(3),
      "batch_norm",
      "relu",
      linear(5, false),
    ],
  },
  {
    name: "wide channels into linear, strides beyond the kernel",
    image: [10, 9, 2],
    batch: 7,
    classes: 7,
    quantize: { gradients: { bits: 4 } },
    layers: [
      conv(4, 2, { stride: 3, padding: 1 }),
      "batch_norm",
      biased(16, 1, { stride: 2 }),
      "relu",
      conv(16, 3, { stride: 1, padding: 2 }),
      linear(12),
      "batch_norm",
      "relu6",
      conv(7, 1),
    ],
  },
  {
    name: "pixels enough that sums take a second round of lanes",
    image: [27, 29, 1],
    batch: 7,
    classes: 3,
    layers: [
      conv(5, 5, { stride: 1, padding: 2 }),
      "relu",
      "batch_norm",
      conv(3, 3, { stride: 3, padding: 1 }),
      "batch_norm",
      "relu",
      "global_avg_pool",
      linear(3),
    ],
  },
  {
    name: "frozen layers below and between layers that train",
    image: [9, 8, 3],
    batch: 7,
    classes: 4,
    freeze: ["stem-*", "middle-*"],
    layers: [
      conv(5, 3, { name: "stem-conv1", padding: 1 }),
      { type: "batch_norm", name: "stem-norm" },
      "relu6",
      { type: "max_pool", kernel: 2, stride: 1 },
      biased(4, 1, { name: "stem-conv2" }),
      "relu",
      biased(8, 3, { padding: 1 }),
      residual(
        [
          { type: "batch_norm", name: "middle-norm1" },
          "relu",
          conv(8, 3, { name: "middle-conv1", padding: 1 }),
          { type: "batch_norm", name: "middle-norm2" },
        ],
        [biased(8, 1, { name: "middle-conv2" })],
      ),
      "relu",
      { type: "batch_norm", name: "middle-norm3" },
      "relu6",
      biased(8, 3, { name: "middle-depthwise", padding: 1, groups: 8 }),
      conv(17, 2, { stride: 2 }),
      { type: "batch_norm", name: "middle-norm4" },
      linear(4),
    ],
  },
  {
    name: "a micro-batch behind another one",
    image: [7, 8, 3],
    batch: 6,
    train: { micro_batch: 3 },
    classes: 3,
    layers: [
      biased(5, 3, { padding: 1 }),
      "relu",
      { type: "max_pool", kernel: 2 },
      conv(8, 2),
      { type: "conv2d", channels: 8, kernel: 3, padding: 1, groups: 8, bias: true },
      "batch_norm",
      biased(8, 3, { padding: 1, groups: 8 }),
      residual(["relu"]),
      { type: "avg_pool", kernel: 2, stride: 1 },
      { type: "dropout", rate: 0.4 },
      linear(3),
    ],
  },
  {
    name: "AdamW, clipped gradients, averaged weights, labels smoothed and mixed",
    image: [4, 5, 3],
    batch: 5,
    mixed: true,
    optimizer: { name: "adamw", weight_decay: 0.1 },
    train: { clip_norm: 0.01, ema: 0.9, label_smoothing: 0.1 },
    classes: 6,
    layers: [conv(10, 3, { padding: 1 }), "batch_norm", "relu", linear(25), linear(6)],
  },
  {
    name: "clipped gradients of SGD, smoothed labels",
    image: [3, 3, 1],
    batch: 3,
    optimizer: { nesterov: true },
    train: { clip_norm: 1000, label_smoothing: 0.2 },
    classes: 3,
    layers: [biased(3, 2), linear(3)],
  },
  {
    name: "pools and activations on the image itself",
    image: [8, 9, 3],
    batch: 2,
    classes: 3,
    layers: [
      { type: "avg_pool", kernel: 2, stride: 1 },
      "relu",
      conv(4, 3),
      linear(3),
    ],
  },
  {
    name: "pools whose strides pass over pixels",
    image: [12, 13, 3],
    batch: 3,
    classes: 3,
    layers: [
      conv(22, 3, { padding: 1 }),
      "relu",
      { type: "max_pool", kernel: [1, 2], stride: [2, 3] },
      "batch_norm",
      { type: "max_pool", kernel: 2, stride: 2, padding: 1 },
      conv(16, 1),
      { type: "avg_pool", kernel: 1, stride: [2, 1] },
      "batch_norm",
      { type: "max_pool", kernel: [2, 3], stride: 1 },
      linear(3),
    ],
  },
  {
    name: "depthwise: ragged channels, every stride, gradients that meet",
    image: [13, 11, 3],
    batch: 3,
    classes: 3,
    optimizer: { nesterov: true, momentum: 0.8, weight_decay: 0.01 },
    layers: [
      depthwise(3, 3, { padding: 1, bias: true }),
      conv(5, 1),
      "batch_norm",
      "relu6",
      residual([depthwise(5, [3, 5], { padding: [1, 2] }), "batch_norm", "relu"]),
      depthwise(5, [2, 3], { stride: [2, 1], padding: [0, 1], bias: true }),
      "relu",
      residual([depthwise(5, 1, { bias: true }), "relu6"], [depthwise(5, 3, { padding: 1 })]),
      depthwise(5, [3, 2], { stride: [1, 3], padding: [1, 0] }),
      "batch_norm",
      depthwise(5, 1, { stride: 2 }),
      linear(3),
    ],
  },
  {
    name: "dropout: twice over, before activations and pools, where gradients meet",
    image: [5, 6, 3],
    batch: 5,
    classes: 3,
    layers: [
      { type: "dropout", rate: 0.1 },
      biased(5, 3, { padding: 1 }),
      "relu",
      "dropout",
      { type: "dropout", rate: 0 },
      "relu6",
      residual([{ type: "dropout", rate: 0.3 }], [conv(5, 1), "batch_norm", "relu"]),
      "dropout",
      { type: "max_pool", kernel: 2, stride: 1 },
      "batch_norm",
      "dropout",
      linear(3),
    ],
  },
  {
    name: "depthwise: several tiles, chunks and groups of quads, then the scores",
    image: [18, 19, 4],
    batch: 7,
    classes: 36,
    layers: [
      conv(36, 1),
      "batch_norm",
      "relu6",
      depthwise(36, 3, { padding: 1 }),
      "batch_norm",
      "relu6",
      depthwise(36, 3, { stride: 2, padding: 1 }),
      "batch_norm",
      "relu",
      conv(32, 1),
      depthwise(32, 5, { stride: 2, padding: 2 }),
      "batch_norm",
      conv(36, 1),
      depthwise(36, 5),
    ],
  },
];

const named = (name: string): Case => CASES.find((test) => test.name.startsWith(name))!;

/** The same networks with every other estimator, and every other way to quantize. */
export const ESTIMATOR_CASES: readonly Case[] = [
  {
    ...named("ragged channels"),
    name: "dynamic estimators, ragged channels",
    quantize: {
      activations: { estimator: "current-minmax" },
      gradients: { estimator: "running-minmax", symmetric: true },
    },
  },
  {
    ...named("gradients that meet"),
    name: "searches, telemetry and the scheduler on the device, gradients that meet",
    quantize: {
      scheduler: "device",
      activations: { estimator: "dsgc", bits: 4 },
      gradients: { estimator: "dsgc", symmetric: true, scale_rate: true },
      layers: [
        { match: "norm*", activations: { estimator: "delayed-max", window: 3, margin: 1 } },
        { match: "conv*", gradients: { estimator: "hindsight-guarded" }, weights: { bits: 3 } },
        { match: "relu6*", activations: { estimator: "fixed", range: [0, 6] } },
        { match: "input", activations: { bits: 8 } },
      ],
    },
    telemetry: "full",
  },
  {
    ...named("a micro-batch behind"),
    name: "dynamic estimators, a micro-batch behind another one",
    quantize: {
      activations: { estimator: "current-minmax" },
      gradients: { estimator: "dsgc" },
    },
  },
  {
    ...named("channels that wide loads divide"),
    name: "dynamic estimators, wide loads",
    quantize: {
      activations: { estimator: "running-minmax", bits: 6 },
      gradients: { estimator: "current-minmax", rounding: "nearest" },
    },
    telemetry: "full",
  },
  {
    ...named("frozen layers"),
    name: "dynamic estimators, frozen layers",
    quantize: { activations: { estimator: "current-minmax" }, scheduler: "device" },
  },
  {
    ...named("depthwise: ragged channels"),
    name: "depthwise: dynamic estimators, weights by channel",
    quantize: {
      activations: { estimator: "current-minmax" },
      gradients: { estimator: "running-minmax" },
      layers: [
        { match: "conv1|conv3|conv4|conv6", weights: { per_channel: true, bits: 6 } },
        { match: "norm*", activations: { estimator: "hindsight-minmax" } },
      ],
    },
  },
];

/** Settings that only simulated arithmetic takes. */
export const SIMULATED_CASES: readonly Case[] = [
  {
    ...named("ragged channels"),
    name: "weights by channel, 12 bits, activations as they are",
    quantize: {
      weights: { per_channel: true, bits: 4 },
      activations: { estimator: "none" },
      gradients: { bits: 12 },
    },
  },
  {
    ...named("gradients that meet"),
    name: "activations alone",
    quantize: {
      weights: { estimator: "none" },
      activations: { bits: 3, estimator: "current-minmax" },
      gradients: { estimator: "none" },
    },
  },
];
