/**
 * The layers of the kernel table: small networks with the shapes of known ones.
 *
 * @module
 */
import { buildGraph } from "../program/graph.ts";
import { type DataShape, layersOf, type Plan, plan } from "../program/plan.ts";
import type { Step } from "../program/program.ts";
import type { PairInput } from "../recipe/fields.ts";
import type { LayerInput } from "../recipe/layers.ts";
import type { RecipeInput } from "../recipe/recipe.ts";
import { resolveRecipe } from "../recipe/load.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { Direction } from "./report.ts";

/** A network whose layers are timed one by one. */
export interface LayerGroup {
  /** The network that the shapes come from. */
  readonly group: string;
  readonly image: readonly [h: number, w: number, c: number];
  readonly batch: number;
  readonly classes: number;
  readonly model: RecipeInput["model"];
  /** Names of the layers to time; the others connect them. Default: all. */
  readonly only?: RegExp;
}

const conv = (name: string, channels: number, kernel: PairInput, more: object = {}): LayerInput => {
  const padding = typeof kernel === "number" ? kernel >> 1 : 0;
  return { type: "conv2d", name, channels, kernel, padding, bias: false, ...more };
};
const norm = (name: string): LayerInput => ({ type: "batch_norm", name });
const linear = (name: string, features: number): LayerInput => ({ type: "linear", name, features });
const depthwise = (name: string, channels: number, more: object = {}) =>
  conv(name, channels, 3, { groups: channels, ...more });
/** A convolution with norm and activation. */
const convBlock = (
  layer: LayerInput,
  act: "relu" | "relu6" = "relu",
  normName?: string,
): LayerInput[] => [
  layer,
  normName ? norm(normName) : "batch_norm",
  act,
];

/** Names of layers to time. */
const TIMED = /^timed-/;

/** The networks of the kernel table. */
export const LAYER_GROUPS: readonly LayerGroup[] = [
  {
    group: "gemm",
    image: [16, 16, 4], // 1024 values: the inputs of the first layer.
    batch: 1024,
    classes: 10,
    only: TIMED,
    model: { layers: [linear("before", 1024), linear("timed-gemm", 1024), linear("after", 10)] },
  },
  {
    // 1024³ products too, with 1024 pixels of one image.
    group: "pointwise",
    image: [32, 32, 3],
    batch: 1,
    classes: 10,
    only: TIMED,
    model: {
      layers: [
        ...convBlock(conv("before", 1024, 1)),
        ...convBlock(conv("timed-pointwise", 1024, 1)),
        "global_avg_pool",
        linear("after", 10),
      ],
    },
  },
  ...([[14, 64], [56, 8]] as const).map(([size, batch]): LayerGroup => ({
    group: `conv-${size}`,
    image: [size, size, 3],
    batch,
    classes: 10,
    only: TIMED,
    model: {
      layers: [
        ...convBlock(conv("before", 64, 1)),
        ...convBlock(conv("timed-conv", 64, 3)),
        "global_avg_pool",
        linear("after", 10),
      ],
    },
  })),
  {
    group: "cnn",
    image: [28, 28, 1],
    batch: 64,
    classes: 10,
    model: { name: "cnn" },
  },
  {
    // One or two convolutions of each of the four stages at 224×224.
    group: "resnet18",
    image: [56, 56, 3],
    batch: 4,
    classes: 1000,
    only: TIMED,
    model: {
      layers: [
        ...convBlock(conv("before", 64, 1), "relu", "timed-norm1"),
        {
          type: "residual",
          name: "timed-add",
          body: [conv("timed-conv1", 64, 3), norm("inside")],
        },
        "relu",
        { type: "max_pool", name: "timed-pool", kernel: 3, stride: 2, padding: 1 },
        ...convBlock(conv("timed-pointwise", 128, 1)),
        ...convBlock(conv("timed-conv2", 128, 3), "relu", "timed-norm2"),
        ...convBlock(conv("timed-narrow", 256, 3, { stride: 2 })),
        ...convBlock(conv("timed-conv3", 256, 3)),
        ...convBlock(conv("narrow", 512, 3, { stride: 2 })),
        ...convBlock(conv("timed-conv4", 512, 3)),
        { type: "global_avg_pool", name: "timed-avgpool" },
        linear("timed-fc", 1000),
      ],
    },
  },
  {
    // Blocks 2 and 3 at 224×224, and one of 14×14.
    group: "mobilenet-v2",
    image: [112, 112, 3],
    batch: 4,
    classes: 10,
    only: TIMED,
    model: {
      layers: [
        ...convBlock(conv("before", 16, 1)),
        ...convBlock(conv("timed-expand2", 96, 1), "relu6", "timed-norm"),
        ...convBlock(depthwise("timed-depthwise2", 96, { stride: 2 }), "relu6"),
        conv("timed-project2", 24, 1),
        "batch_norm",
        ...convBlock(conv("timed-expand3", 144, 1), "relu6"),
        ...convBlock(depthwise("timed-depthwise3", 144), "relu6"),
        conv("timed-project3", 24, 1),
        "batch_norm",
        { type: "avg_pool", kernel: 4 },
        ...convBlock(conv("between", 96, 1)),
        ...convBlock(conv("timed-expand12", 576, 1), "relu6"),
        ...convBlock(depthwise("timed-depthwise12", 576), "relu6"),
        conv("timed-project12", 96, 1),
        "batch_norm",
        "global_avg_pool",
        linear("after", 10),
      ],
    },
  },
];

/** A layer to time. */
export interface TimedLayer {
  readonly name: string;
  /** In words. */
  readonly label: string;
  /** Multiplications and additions in each direction of a convolution; 0 for other layers. */
  readonly operations: number;
}

/** A network of the kernel table, planned. */
export interface PlannedLayers {
  readonly recipe: Recipe;
  readonly data: DataShape;
  readonly program: Plan["program"];
  readonly layers: readonly TimedLayer[];
}

/** Plans a network of the kernel table. Tensors share no memory, so that all keep their values. */
export function planLayers(
  { image, batch, classes, model, only }: LayerGroup,
  arithmetic: "int8" | "float32",
): PlannedLayers {
  const recipe = resolveRecipe({
    data: { format: "idx", root: ".", classes },
    model,
    quantize: { arithmetic, scheduler: "auto" },
    train: { batch },
  });
  const half = Array<number>(image[2]).fill(0.5);
  const data: DataShape = { shape: image, classes, mean: half, std: half };
  const { program } = plan(recipe, data, { reuse: false });
  const all = timedLayers(recipe, data);
  return { recipe, data, program, layers: only ? all.filter(({ name }) => only.test(name)) : all };
}

/** The layers of a recipe's network, with their operations in a step. */
export function timedLayers(recipe: Recipe, data: DataShape): TimedLayer[] {
  const graph = buildGraph(layersOf(recipe, data), data.shape, data.classes);
  return graph.nodes.map((node) => ({
    name: node.name,
    label: `${node.kind} ${node.shape}`,
    operations: node.products * 2 * recipe.train.batch,
  }));
}

/** Whether a step computes the gradient of a convolution's input: its kernel writes it to `dx`. */
export function isInputGradient({ kernel }: Step): boolean {
  return "dx" in kernel.buffers;
}

/** The direction of a step of the backward pass. */
export function backwardDirection(step: Step, { operations }: TimedLayer): Direction {
  if (operations === 0) return "backward";
  return isInputGradient(step) ? "input gradient" : "weight gradient";
}
