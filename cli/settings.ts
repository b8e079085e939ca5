/**
 * What a run will do, as a table before its first step.
 *
 * @module
 */
import { rangesOnDevice } from "../lib/program/scheduler_placement.ts";
import { definitions, ESTIMATOR_DEFAULTS } from "../lib/quant/estimators/mod.ts";
import { peakMemory } from "../lib/program/memory/peak.ts";
import { optimizers } from "../lib/program/optimizers/mod.ts";
import { parameterCount } from "../lib/program/summary.ts";
import type { Program } from "../lib/program/program.ts";
import type { DataSpec } from "../lib/recipe/data.ts";
import type {
  ActivationsSpec,
  GradientsSpec,
  LayerQuantizeSpec,
  QuantizeSpec,
  WeightsSpec,
} from "../lib/recipe/quantize.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import type { ScheduleSpec, TrainSpec } from "../lib/recipe/train.ts";
import type { StartEvent } from "../lib/train/events.ts";
import { bytes, duration, withThousands } from "./format.ts";
import type { RankGroup } from "./mpi.ts";

/**
 * The rows of the settings table.
 *
 * @param group the ranks that train together
 */
export function settings(start: StartEvent, folder: string, group?: RankGroup): [string, string][] {
  const { recipe, program, device, adapter, trainImages, testImages, steps, resumedFrom } = start;
  const { batch, optimizer: o, clip_norm, ema } = recipe.train;
  const smoothing = recipe.train.label_smoothing, weights = recipe.data.class_weights;
  const clip = clip_norm > 0 ? `, gradients clipped to norm ${clip_norm}` : "";
  const decay = o.weight_decay > 0 ? `, weight decay ${o.weight_decay}` : "";
  const left = trainImages % batch;
  const without = left > 0
    ? `; each epoch leaves out ${left} of ${withThousands(trainImages)} images`
    : "";
  return [
    ["recipe", `${recipe.name}, seed ${recipe.seed}`],
    ["network", network(recipe, program)],
    ["data", describeData(recipe, program, trainImages, testImages)],
    ...layout(start),
    ...(recipe.data.augment.length > 0
      ? [["augment", augmentations(recipe.data)] as [string, string]]
      : []),
    ["device", `${device}: ${adapter}`],
    ...(group ? [["ranks", ranks(group, program)] as [string, string]] : []),
    ...arithmetic(recipe),
    ["length", length(recipe.train, steps) + without],
    ...microBatches(program),
    ["optimizer", `${o.name}, lr ${o.lr}, ${optimizers[o.name].label(o)}${decay}${clip}`],
    ["schedule", schedule(recipe.train.schedule)],
    ...(smoothing > 0 ? [["labels", `smoothed by ${smoothing}`] as [string, string]] : []),
    ...(weights === "none" ? [] : [["classes", weighted(weights)] as [string, string]]),
    ...(ema > 0 ? [["evaluation", `of a moving average, ema ${ema}`] as [string, string]] : []),
    ["memory", memory(start)],
    ...recomputing(program),
    ["folder", folder],
    ...(resumedFrom > 0 ? [["resumed", `after step ${resumedFrom}`] as [string, string]] : []),
  ];
}

function ranks({ summary, ranks: { size } }: RankGroup, { micros }: Program): string {
  return `${summary}, ${count(micros / size, "micro-batch", "micro-batches")} each`;
}

function weighted(weights: Exclude<DataSpec["class_weights"], "none">): string {
  return weights === "balanced"
    ? "weighted by one divided by their images"
    : `weighted by ${weights.slice(0, 10).join(", ")}${weights.length > 10 ? ", …" : ""}`;
}

/**
 * How long a run is, in words.
 *
 * @param steps its number of steps; `undefined` where it is not known
 */
export function length(
  { epochs, time, max_steps, patience, batch }: TrainSpec,
  steps?: number,
): string {
  const size = `of ${batch} images`;
  const stop = patience > 0
    ? `; ends after ${count(patience, "epoch")} without a higher test accuracy`
    : "";
  if (time > 0) {
    const most = max_steps > 0 ? `at most ${count(max_steps, "step")} ${size}` : `steps ${size}`;
    return `${duration(time * 3600)}, ${most}; train.epochs is not used${stop}`;
  }
  const counted = steps === undefined ? `steps ${size}` : `${count(steps, "step")} ${size}`;
  return `${count(epochs, "epoch")}, ${counted}${stop}`;
}

/** The schedule with what it goes by. */
export function schedule(
  { name, warmup_steps, factor, wait_epochs, min_lr }: ScheduleSpec,
): string {
  const least = min_lr > 0 ? `, not below ${min_lr}` : "";
  const rule = name === "plateau"
    ? `: times ${factor} after ${count(wait_epochs + 1, "epoch")} without a lower test loss${least}`
    : "";
  return name + rule + (warmup_steps > 0 ? `, ${warmup_steps} warm-up steps` : "");
}

/** The network in words, with its size. */
export function network(recipe: Recipe, program: Program): string {
  const { model } = recipe;
  const name = "name" in model ? `${model.name}, width ${model.width}` : "layers of the recipe";
  return `${name}: ${withThousands(parameterCount(program))} parameters`;
}

/** How a batch is cut, as a row; none where it is not. */
export function microBatches({ batch, micros, norms }: Program): [string, string][] {
  if (micros === 1) return [];
  const norm = norms.length > 0 ? `; batch norm sees only ${count(batch, "image")} at once` : "";
  return [["batch", `${batch * micros} images in ${micros} micro-batches of ${batch}${norm}`]];
}

/** What is computed again to save memory, as a row; none where nothing is. */
export function recomputing({ recomputed = [] }: Program): [string, string][] {
  if (recomputed.length === 0) return [];
  const some = recomputed.slice(0, 4).join(", ") + (recomputed.length > 4 ? ", …" : "");
  return [["recomputed", `outputs of ${count(recomputed.length, "norm")} (${some})`]];
}

/** The arithmetic with its quantizers, as rows. */
export function arithmetic({ quantize: q }: Recipe): [string, string][] {
  if (q.arithmetic === "float32") return [["arithmetic", "float32, no quantizers"]];
  const simulated = q.arithmetic === "simulated"
    ? "simulated: f32 that holds quantized values"
    : "int8";
  return [
    ["arithmetic", simulated],
    ["weights", quantizer(q.weights)],
    ["activations", quantizer(q.activations)],
    ["gradients", quantizer(q.gradients)],
    ...q.layers.map((layer): [string, string] => [`layers ${layer.match}`, different(layer)]),
    ...(q.scheduler === "host" ? [] : [scheduler(q)]),
  ];
}

/** A class of tensors: bits, estimator with what it goes by, rounding. */
function quantizer(s: WeightsSpec | ActivationsSpec | GradientsSpec): string {
  if (s.estimator === "none") return "not quantized";
  const label = "window" in s
    ? definitions[s.estimator]?.label?.({ ...ESTIMATOR_DEFAULTS, ...s }) ?? ""
    : "";
  const words = [`${s.bits} bits`, `${s.estimator}${label}`];
  if ("per_channel" in s && s.per_channel) words.push("a range for each output channel");
  if ("symmetric" in s && s.symmetric) words.push("symmetric");
  if ("rounding" in s) words.push(s.rounding);
  return words.join(", ");
}

/** What is different about some layers. */
function different({ match: _, ...classes }: LayerQuantizeSpec): string {
  return Object.entries(classes).map(([of, settings]) => {
    const words = Object.entries(settings as Record<string, unknown>).map(([key, value]) =>
      key === "bits" ? `${value} bits` : key === "estimator" ? String(value) : `${key} ${value}`
    );
    return `${of} ${words.join(", ")}`;
  }).join("; ");
}

function scheduler(q: QuantizeSpec): [string, string] {
  const where = q.scheduler === "auto"
    ? `auto: ${rangesOnDevice(q) ? "device" : "host"}`
    : q.scheduler;
  return ["scheduler", where];
}

function memory({ recipe: { memory: allowed }, program, memoryBytes }: StartEvent): string {
  const { activations, gradients } = peakMemory(program);
  const limit = allowed > 0 ? ` of ${bytes(allowed)} allowed` : "";
  return `${bytes(memoryBytes)}${limit}: activations ${bytes(activations)}, gradients ${
    bytes(gradients)
  }`;
}

/** Augmentations in words: `crop 4, flip 0.5, color_jitter 0.4 0.4 0.4 0`. */
export function augmentations({ augment }: DataSpec): string {
  return augment.flatMap((spec) =>
    Object.entries(spec).map(([name, settings]) =>
      `${name} ${Object.values(settings as Record<string, unknown>).flat().join(" ")}`
    )
  ).join(", ");
}

/** The images of both splits, their shape and where they are. */
export function describeData(
  { data }: Recipe,
  program: Program,
  trainImages: number,
  testImages: number,
): string {
  return `${withThousands(trainImages)} + ${withThousands(testImages)} images ` +
    `${program.input.join("×")}, ${program.classes} classes${where(data)}`;
}

/** How a folder of images was read, as a row; none for other data. */
export function layout(data: { readonly layout?: string }): [string, string][] {
  return data.layout === undefined ? [] : [["layout", data.layout]];
}

function where({ format, root }: DataSpec): string {
  return format === "glyphs" ? ", made by the program" : `, ${format} in ${root}`;
}

function count(n: number, noun: string, several = `${noun}s`): string {
  return `${withThousands(n)} ${n === 1 ? noun : several}`;
}
