/**
 * Building blocks of the networks in the zoo.
 *
 * @module
 */
import type { Pair } from "../recipe/fields.ts";
import type { LayerSpec } from "../recipe/layers.ts";
import type { Variant } from "../recipe/model.ts";

/** Options of a network in the zoo. */
export interface ZooOptions {
  /** Channels of its first convolution (`mlp`: of a hidden layer), from which all others follow. */
  readonly width: number;
  /** Number of classes: scores that the network gives. */
  readonly classes: number;
  /** Height and width of the images; default 224×224. `auto` depends on it. */
  readonly size?: Pair;
  /** Form of the first layers of `resnet18` and `mobilenet-v2`; default `auto`. */
  readonly stem?: Variant;
  /** Form of the last layers of `vgg16`; default `auto`. */
  readonly head?: Variant;
}

/** Maximum height and width of images for which `auto` means the small form. */
const MAX_SMALL_SIZE = 64;

/** Whether a variant means the small form. */
export function small(variant: Variant = "auto", { size = [224, 224] }: ZooOptions): boolean {
  return variant === "auto" ? Math.max(...size) <= MAX_SMALL_SIZE : variant === "small";
}

const pair = (n: number): Pair => [n, n];

/** Returns a convolution that keeps height and width, divided by the stride; by default no bias. */
export function conv(
  name: string,
  channels: number,
  kernel: number,
  stride: number,
  { groups = 1, bias = false } = {},
): LayerSpec {
  return {
    type: "conv2d",
    name,
    channels,
    kernel: pair(kernel),
    stride: pair(stride),
    padding: pair(Math.floor(kernel / 2)),
    groups,
    bias,
  };
}

/** Returns a linear layer with bias. */
export function linear(name: string, features: number): LayerSpec {
  return { type: "linear", name, features, bias: true };
}

/** Returns a dropout layer. */
export function dropout(name: string, rate: number): LayerSpec {
  return { type: "dropout", name, rate };
}

/** Returns a batch norm with PyTorch's defaults. */
export function norm(name: string): LayerSpec {
  return { type: "batch_norm", name, momentum: 0.1, epsilon: 1e-5 };
}

/** Returns a max pool; by default it keeps height and width, divided by the stride. */
export function maxPool(
  name: string,
  kernel: number,
  stride: number,
  padding: number = Math.floor(kernel / 2),
): LayerSpec {
  return {
    type: "max_pool",
    name,
    kernel: pair(kernel),
    stride: pair(stride),
    padding: pair(padding),
  };
}

/** Returns the layers from feature maps to scores: global average pooling and a linear layer. */
export function head(pool: string, name: string, classes: number): LayerSpec[] {
  return [{ type: "global_avg_pool", name: pool }, linear(name, classes)];
}
