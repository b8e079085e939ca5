/**
 * What the networks of the zoo are made of.
 *
 * @module
 */
import type { LayerSpec, Pair } from "../recipe/types.ts";

/** What a network of the zoo can be told. */
export interface ZooOptions {
  /** Channels of its first convolution, from which all others follow. */
  readonly width: number;
  /** Scores that it gives. */
  readonly classes: number;
}

const pair = (n: number): Pair => [n, n];

/** A convolution without bias that keeps height and width, divided by the stride. */
export function conv(
  name: string,
  channels: number,
  kernel: number,
  stride: number,
  groups = 1,
): LayerSpec {
  return {
    type: "conv2d",
    name,
    channels,
    kernel: pair(kernel),
    stride: pair(stride),
    padding: pair(Math.floor(kernel / 2)),
    groups,
    bias: false,
  };
}

/** Batch norm as PyTorch has it by default. */
export function norm(name: string): LayerSpec {
  return { type: "batch_norm", name, momentum: 0.1, epsilon: 1e-5 };
}

/** Max pooling that keeps height and width, divided by the stride. */
export function maxPool(name: string, kernel: number, stride: number): LayerSpec {
  const padding = pair(Math.floor(kernel / 2));
  return { type: "max_pool", name, kernel: pair(kernel), stride: pair(stride), padding };
}

/** From the last feature maps to scores. */
export function head(classes: number): LayerSpec[] {
  return [
    { type: "global_avg_pool", name: "pool" },
    { type: "linear", name: "linear", features: classes, bias: true },
  ];
}

/** A basic block of He et al. 2015: two 3×3 convolutions and a shortcut. */
export function basicBlock(
  name: string,
  channels: number,
  stride: number,
  project: boolean,
): LayerSpec[] {
  return [
    {
      type: "residual",
      name,
      body: [
        conv(`${name}-conv1`, channels, 3, stride),
        norm(`${name}-norm1`),
        { type: "relu" },
        conv(`${name}-conv2`, channels, 3, 1),
        norm(`${name}-norm2`),
      ],
      shortcut: project ? [conv(`${name}-conv0`, channels, 1, stride), norm(`${name}-norm0`)] : [],
    },
    { type: "relu" },
  ];
}
