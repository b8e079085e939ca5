/**
 * What the networks of the zoo are made of.
 *
 * @module
 */
import type { LayerSpec, Pair, Variant } from "../recipe/types.ts";

/** What a network of the zoo can be told. */
export interface ZooOptions {
  /** Channels of its first convolution (`mlp`: of a hidden layer), from which all others follow. */
  readonly width: number;
  /** Scores that it gives. */
  readonly classes: number;
  /** Height and width of its images; 224×224 unless given. What is `auto` follows from it. */
  readonly size?: Pair;
  /** The first layers of `resnet18` and `mobilenet-v2`; `auto` unless given. */
  readonly stem?: Variant;
  /** The last layers of `vgg16`; `auto` unless given. */
  readonly head?: Variant;
}

/** Images up to this height and width get the small form of a network, unless it is told. */
export const SMALL = 64;

/** Whether the small form is meant of what has two forms. */
export function small(variant: Variant = "auto", { size = [224, 224] }: ZooOptions): boolean {
  return variant === "auto" ? Math.max(...size) <= SMALL : variant === "small";
}

const pair = (n: number): Pair => [n, n];

/** A convolution that keeps height and width, divided by the stride; without bias unless told. */
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

/** A linear layer with bias. */
export function linear(name: string, features: number): LayerSpec {
  return { type: "linear", name, features, bias: true };
}

/** Dropout of a share of the values. */
export function dropout(name: string, rate: number): LayerSpec {
  return { type: "dropout", name, rate };
}

/** Batch norm as PyTorch has it by default. */
export function norm(name: string): LayerSpec {
  return { type: "batch_norm", name, momentum: 0.1, epsilon: 1e-5 };
}

/** Max pooling; unless told, it keeps height and width, divided by the stride. */
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

/** From the last feature maps to scores: their mean over height and width, and a linear layer. */
export function head(pool: string, name: string, classes: number): LayerSpec[] {
  return [{ type: "global_avg_pool", name: pool }, linear(name, classes)];
}
