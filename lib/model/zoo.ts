/**
 * Networks by name, as lists of layers.
 *
 * @module
 */
import type { LayerSpec, Pair } from "../recipe/types.ts";

/** Makes the layers of a network. */
export type ZooNetwork = (
  options: { readonly width: number; readonly classes: number },
) => LayerSpec[];

const pair = (n: number): Pair => [n, n];

function conv(name: string, channels: number, kernel: number, stride: number): LayerSpec {
  return {
    type: "conv2d",
    name,
    channels,
    kernel: pair(kernel),
    stride: pair(stride),
    padding: pair(Math.floor(kernel / 2)),
    bias: false,
  };
}

const norm = (name: string): LayerSpec => ({
  type: "batch_norm",
  name,
  momentum: 0.1,
  epsilon: 1e-5,
});

function head(classes: number): LayerSpec[] {
  return [
    { type: "global_avg_pool", name: "pool" },
    { type: "linear", name: "linear", features: classes, bias: true },
  ];
}

/** Four 3×3 convolutions: width, width /2, 2·width, 2·width /2, each with norm and ReLU. */
function cnn({ width, classes }: { width: number; classes: number }): LayerSpec[] {
  const channels = [width, width, 2 * width, 2 * width];
  const blocks = channels.flatMap((c, i): LayerSpec[] => [
    conv(`conv${i + 1}`, c, 3, i % 2 + 1),
    norm(`norm${i + 1}`),
    { type: "relu" },
  ]);
  return [...blocks, ...head(classes)];
}

/** A basic block of He et al. 2015: two 3×3 convolutions and a shortcut. */
function basicBlock(name: string, channels: number, stride: number, project: boolean): LayerSpec[] {
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

/** One basic block at each of three widths: the smallest ResNet for small images. */
function resnet8({ width, classes }: { width: number; classes: number }): LayerSpec[] {
  return [
    conv("conv1", width, 3, 1),
    norm("norm1"),
    { type: "relu" },
    ...basicBlock("block1", width, 1, false),
    ...basicBlock("block2", 2 * width, 2, true),
    ...basicBlock("block3", 4 * width, 2, true),
    ...head(classes),
  ];
}

/** The networks that `model: { name: … }` knows. */
export const zoo: Readonly<Record<"cnn" | "resnet8", ZooNetwork>> = { cnn, resnet8 };
