/**
 * From a recipe to a program: the graph is built once, every node writes its forward steps in order
 * and its backward steps in reverse.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import type { Program } from "../program.ts";
import { activationBackward, activationForward } from "../ops/activation.ts";
import { addBackward, addForward } from "../ops/add.ts";
import { Builder } from "../ops/builder.ts";
import { convBackward, convForward, TILE } from "../ops/conv.ts";
import { inputForward, lossForward } from "../ops/loss.ts";
import { normBackward, normForward, sumsBuffer } from "../ops/norm.ts";
import { poolBackward, poolForward } from "../ops/pool.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import type { LayerSpec, Recipe } from "../recipe/types.ts";
import { buildGraph, type Node } from "./graph.ts";
import { type Layer, outline } from "./outline.ts";
import { onDevice } from "./on_device.ts";
import { QuantizingPlan } from "./quantizing.ts";
import { zoo } from "./zoo.ts";

/** What the data decides: image shape, classes, and how pixels are normalized, per channel. */
export interface DataShape {
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number];
  /** How many kinds of images. */
  readonly classes: number;
  /** Subtracted from pixel/255, per channel. */
  readonly mean: readonly number[];
  /** Divides pixel/255 − mean, per channel. */
  readonly std: readonly number[];
}

/** What is not in the recipe. */
export interface PlanOptions {
  /** Estimators that the recipe may name; those of qtrain by default. */
  readonly estimators?: EstimatorMakers | undefined;
  /** Whether batches have second labels; what the recipe's augmentation says by default. */
  readonly mixed?: boolean;
}

/** A program, and the layers it came from. */
export interface Plan {
  /** What an executor runs. */
  readonly program: Program;
  /** What a person reads. */
  readonly layers: readonly Layer[];
}

/** The layers that a recipe's `model` stands for. */
export function layersOf(recipe: Recipe, classes: number): readonly LayerSpec[] {
  const { model } = recipe;
  return "layers" in model ? model.layers : zoo[model.name]({ width: model.width, classes });
}

/**
 * Plans the training of a recipe's network.
 *
 * @param data what the data set (or the recipe, for `check`) says of the images
 * @throws ModelError when shapes do not fit
 */
export function plan(recipe: Recipe, data: DataShape, options: PlanOptions = {}): Plan {
  const { quantize, train } = recipe, batch = train.micro_batch || train.batch;
  const micros = train.batch / batch;
  const augment: readonly object[] = recipe.data.augment;
  const mixed = options.mixed ?? augment.some((spec) => "mixup" in spec);
  const graph = buildGraph(layersOf(recipe, data.classes), data.shape, data.classes);
  refuseGroups(graph.nodes);
  const names = ["input", ...graph.nodes.map((node) => node.name)];
  const quantizing = new QuantizingPlan(quantize, names, options.estimators);
  const b = new Builder({
    int8: quantize.arithmetic === "int8",
    batch,
    micros,
    quantizing: (role, layer) => quantizing.of(role, layer),
    telemetry: recipe.telemetry === "full" && quantize.arithmetic !== "float32",
    update: { optimizer: train.optimizer, clipNorm: train.clip_norm, ema: train.ema },
    targets: { smoothing: train.label_smoothing, mixed },
  });
  // Weights come first in the table: one kernel sets their rows.
  for (const node of graph.nodes) {
    if (node.op !== "conv") continue;
    const elements = node.output.c * node.input.c * node.kernel[0] * node.kernel[1];
    const { row, quantized } = b.stored(
      `${node.name}.weight`,
      { name: `${node.name}.weight`, layer: node.name, role: "weight", elements },
      node.name,
    );
    if (quantized) b.weightRows.set(node.name, row);
  }
  const weights = b.weightRows.size;
  if (weights > 0) {
    b.step("weights", "weights", "weight_range", [Math.ceil(weights / 64), 1, 1], {
      COUNT: weights,
    }, { table: "quantizers" });
  }
  inputForward(b, graph.image, pixelBounds(data));
  graph.nodes.forEach((node, i) => forward(b, node, graph.nodes[i + 1]));
  lossForward(b, graph.logits);
  for (const node of graph.nodes.toReversed()) {
    if (node.output.needsGradient) backward(b, node);
  }
  b.updates();
  quantizing.checkUsed();
  if (onDevice(quantize, options.estimators) && b.quantizers.length > weights) {
    const COUNT = b.quantizers.length - weights;
    b.step("schedule", "scheduler", "estimate", [Math.ceil(COUNT / 64), 1, 1], {
      FIRST: weights,
      COUNT,
      STATIC: 1,
    }, { table: "quantizers" });
  }
  b.tables();
  const program: Program = {
    arithmetic: quantize.arithmetic,
    batch,
    micros,
    input: data.shape,
    classes: data.classes,
    buffers: b.buffers,
    sections: b.sections,
    quantizers: b.quantizers,
    weightQuantizers: weights,
    parameters: b.parameters,
    norms: b.norms,
    training: {
      smoothing: train.label_smoothing,
      mixed,
      averages: train.ema > 0,
      clips: train.clip_norm > 0,
      ...(train.optimizer.name === "adamw" ? { betas: train.optimizer.betas } : {}),
    },
  };
  return { program, layers: outline(graph) };
}

/** There are no kernels for groups yet. */
function refuseGroups(nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (node.op !== "conv" || node.groups === 1) continue;
    throw new ModelError(
      `layer ${node.name}: depthwise and grouped convolution can be counted (qtrain traffic) but not ` +
        `trained yet; use groups: 1`,
    );
  }
}

/** The smallest and largest value that a normalized pixel can have. */
function pixelBounds({ mean, std }: DataShape): [low: number, high: number] {
  return [
    Math.min(...mean.map((m, i) => -m / std[i]!)),
    Math.max(...mean.map((m, i) => (1 - m) / std[i]!)),
  ];
}

function forward(b: Builder, node: Node, next: Node | undefined): void {
  switch (node.op) {
    case "conv": {
      // A convolution before a norm makes the norm's sums on the way out.
      const norm = next?.op === "norm" && next.input === node.output ? next : undefined;
      const made = convForward(b, node, norm && sumsBuffer(norm.name));
      if (norm && made) Object.assign(norm, { tile: TILE });
      break;
    }
    case "norm":
      normForward(b, node);
      break;
    case "add":
      addForward(b, node);
      break;
    case "activation":
      activationForward(b, node);
      break;
    case "pool":
      poolForward(b, node);
      break;
  }
}

function backward(b: Builder, node: Node): void {
  switch (node.op) {
    case "conv":
      convBackward(b, node);
      break;
    case "norm":
      normBackward(b, node);
      break;
    case "add":
      addBackward(b, node);
      break;
    case "activation":
      activationBackward(b, node);
      break;
    case "pool":
      poolBackward(b, node);
      break;
  }
}
