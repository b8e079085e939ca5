/**
 * Plans a program from a recipe: builds the graph once, then every node adds its forward steps in order
 * and its backward steps in reverse.
 *
 * @module
 */
import { computedQuantizers } from "./passes/computed_quantizers.ts";
import { exchangeGradients } from "./passes/exchange.ts";
import { nonfiniteGuard } from "./passes/nonfinite_guard.ts";
import { rangeUpdates } from "./passes/range_updates.ts";
import { needsTwoPasses, twoPass } from "./passes/two_pass.ts";
import { update } from "./passes/update.ts";
import { planWithinBudget } from "./memory/budget.ts";
import { stagingOf } from "./memory/staging.ts";
import type { Program } from "./program.ts";
import { Builder } from "./builder.ts";
import { inputForward, lossForward } from "./ops/loss.ts";
import { MAX_BYTES } from "./shards.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import type { LayerSpec } from "../recipe/layers.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { freeze, freezeAll } from "./freeze.ts";
import { buildGraph, type Graph } from "./graph.ts";
import { type Layer, summarize } from "./summary.ts";
import { rangesOnDevice, stepsInFlight } from "./scheduler_placement.ts";
import { QuantizerConfig } from "./quantizer_config.ts";
import { zoo } from "../model/zoo.ts";

/** Properties of a dataset that a plan depends on: image shape, classes, normalization per channel. */
export interface DataShape {
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number];
  /** Number of classes. */
  readonly classes: number;
  /** Subtracted from pixel/255, per channel. */
  readonly mean: readonly number[];
  /** Divides pixel/255 − mean, per channel. */
  readonly std: readonly number[];
}

/** Options of a plan that are not in the recipe. */
export interface PlanOptions {
  /** Estimators that the recipe may name; those of qtrain by default. */
  readonly estimators?: EstimatorMakers | undefined;
  /** Plans for inference only: no backward pass, no optimizer, none of their buffers. */
  readonly inference?: boolean;
  /** Maximum bytes of a buffer of weights, above which a tensor is split by rows; 128 MiB by default. */
  readonly maxBytes?: number;
  /** Whether batches have second labels; by default, whether the recipe's augmentation mixes images. */
  readonly mixed?: boolean;
  /** Whether ranks of distributed training add the gradients of micro-batches; false by default. */
  readonly exchanges?: boolean | undefined;
  /** false: tensors share no memory, so that every tensor of a step can be read after it. */
  readonly reuse?: boolean | undefined;
}

/** A program and the layers that it was planned from. */
export interface Plan {
  /** The program that an executor runs. */
  readonly program: Program;
  /** The layers, for display. */
  readonly layers: readonly Layer[];
}

/** Returns the layers of a recipe's `model`, for the image shape and classes of the data. */
export function layersOf(
  { model }: Recipe,
  { classes, shape: [h, w] }: Pick<DataShape, "classes" | "shape">,
): readonly LayerSpec[] {
  return "layers" in model ? model.layers : zoo[model.name]({ ...model, classes, size: [h, w] });
}

/**
 * Plans the training of a recipe's network, within the memory that the recipe allows.
 *
 * @param data properties of the dataset (for `check`: those that the recipe states)
 * @throws ModelError when shapes do not fit, or the program does not fit the memory
 */
export function plan(recipe: Recipe, data: DataShape, options: PlanOptions = {}): Plan {
  const { batch, micro_batch } = recipe.train, micro = micro_batch || batch;
  if (options.reuse === false) return planFor(micro, recipe, data, options);
  let layers: readonly Layer[] = [];
  const program = planWithinBudget(recipe.memory, { batch, micro }, (size) => {
    const planned = planFor(size, recipe, data, options);
    layers = planned.layers;
    return planned.program;
  });
  return { program, layers };
}

/** Plans for micro-batches of `batch` images; tensors share no memory yet. */
function planFor(batch: number, recipe: Recipe, data: DataShape, options: PlanOptions): Plan {
  const { quantize, train } = recipe;
  const micros = train.batch / batch;
  const augment: readonly object[] = recipe.data.augment;
  const mixed = options.mixed ?? augment.some((spec) => "mixup" in spec);
  const weighted = recipe.data.class_weights !== "none" && !options.inference;
  const weights = weighted ? 4 * Math.ceil(data.classes / 4) : 0;
  const graph = buildGraph(layersOf(recipe, data), data.shape, data.classes);
  const inference = options.inference ?? false;
  if (inference) freezeAll(graph);
  else freeze(graph, recipe.freeze);
  const names = ["input", ...graph.nodes.map((node) => node.name)];
  const quantizing = new QuantizerConfig(quantize, names, options.estimators);
  const telemetry = recipe.telemetry === "full" && quantize.arithmetic !== "float32" && !inference;
  const b = new Builder({
    arithmetic: quantize.arithmetic,
    batch,
    micros,
    quantizing: (role, layer) => quantizing.of(role, layer),
    needsTwoPasses: (quantizer) => !inference && needsTwoPasses(quantizer, telemetry),
    maxBytes: options.maxBytes ?? MAX_BYTES,
    targets: { smoothing: train.label_smoothing, mixed, weights },
  });
  collect(b, graph, pixelBounds(data));
  if (!inference) quantizing.checkUsed();
  const collected = b.program({
    input: data.shape,
    classes: data.classes,
    training: {
      smoothing: train.label_smoothing,
      mixed,
      weights,
      averages: train.ema > 0,
      clips: train.clip_norm > 0,
      optimizer: train.optimizer,
    },
  });
  const { optimizer, clip_norm: clipNorm, ema } = train;
  const onDevice = rangesOnDevice(quantize, options.estimators);
  const passes: readonly ((program: Program) => Program)[] = [
    (program) => update(program, { optimizer, clipNorm, ema }),
    (program) => rangeUpdates(program, { onDevice, inference }),
    (program) => inference ? program : twoPass(program, telemetry),
    (program) => computedQuantizers(program, b.computed),
    nonfiniteGuard,
    (program) => options.exchanges ? exchangeGradients(program) : program,
  ];
  const program = passes.reduce((program, pass) => pass(program), collected);
  const inFlight = stepsInFlight(b.quantizers.length > 0, quantize, options.estimators);
  return {
    program: { ...program, staging: stagingOf(program, inFlight) },
    layers: summarize(graph),
  };
}

/** Calls every node to add its forward steps in order, then its backward steps in reverse. */
function collect(b: Builder, graph: Graph, bounds: readonly [low: number, high: number]): void {
  // Weights come first in the table, trained ones before frozen ones: one kernel sets their rows.
  const weighted = graph.nodes.filter((node) => node.weightDims !== undefined);
  const trained = weighted.filter((node) => !node.frozen);
  for (const node of [...trained, ...weighted.filter((node) => node.frozen)]) {
    const elements = node.weightDims!.reduce((a, b) => a * b);
    const { row, quantized } = b.stored(
      `${node.name}.weight`,
      { name: `${node.name}.weight`, layer: node.name, role: "weight", elements },
      node.name,
    );
    if (quantized) b.weightRows.set(node.name, row);
  }
  inputForward(b, graph.image, bounds);
  graph.nodes.forEach((node, i) => node.forward(b, graph.nodes[i + 1]));
  lossForward(b, graph.logits);
  for (const node of graph.nodes.toReversed()) {
    if (node.output.needsGradient) node.backward(b);
  }
}

/** Returns the smallest and largest value that a normalized pixel can have. */
export function pixelBounds({ mean, std }: DataShape): [low: number, high: number] {
  return [
    Math.min(...mean.map((m, i) => -m / std[i]!)),
    Math.max(...mean.map((m, i) => (1 - m) / std[i]!)),
  ];
}
