/**
 * Networks by name, as lists of layers.
 *
 * @module
 */
import type { LayerSpec, ZooName } from "../recipe/types.ts";
import { basicBlock, conv, head, maxPool, norm, type ZooOptions } from "./blocks.ts";
import { mobilenetV2 } from "./mobilenet.ts";

/** Makes the layers of a network. */
export type ZooNetwork = (options: ZooOptions) => LayerSpec[];

/** Four 3×3 convolutions: width, width /2, 2·width, 2·width /2, each with norm and ReLU. */
function cnn({ width, classes }: ZooOptions): LayerSpec[] {
  const channels = [width, width, 2 * width, 2 * width];
  const blocks = channels.flatMap((c, i): LayerSpec[] => [
    conv(`conv${i + 1}`, c, 3, i % 2 + 1),
    norm(`norm${i + 1}`),
    { type: "relu" },
  ]);
  return [...blocks, ...head(classes)];
}

/** One basic block at each of three widths: the smallest ResNet for small images. */
function resnet8({ width, classes }: ZooOptions): LayerSpec[] {
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

/** Two basic blocks at each of four widths behind a stem that divides by 4: He et al. 2015. */
function resnet18({ width, classes }: ZooOptions): LayerSpec[] {
  const blocks = Array.from({ length: 8 }, (_, i): LayerSpec[] => {
    const stage = Math.floor(i / 2), narrows = i % 2 === 0 && stage > 0;
    return basicBlock(`block${i + 1}`, width * 2 ** stage, narrows ? 2 : 1, narrows);
  });
  return [
    conv("conv1", width, 7, 2),
    norm("norm1"),
    { type: "relu" },
    maxPool("stem-pool", 3, 2),
    ...blocks.flat(),
    ...head(classes),
  ];
}

/** The networks that `model: { name: … }` knows. */
export const zoo: Readonly<Record<ZooName, ZooNetwork>> = {
  cnn,
  resnet8,
  resnet18,
  "mobilenet-v2": mobilenetV2,
};
