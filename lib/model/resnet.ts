/**
 * Residual networks (He et al. 2015, arXiv 1512.03385).
 *
 * | ours                                        | torchvision                                 |
 * | ------------------------------------------- | ------------------------------------------- |
 * | `conv1`, `norm1`, `pool1` (max), ReLU       | `conv1`, `bn1`, `maxpool`, `relu`           |
 * | `layerS-B` (the addition)                   | `layerS.B`; stages S from 1, blocks B from 0 |
 * | `layerS-B-conv1`, `-norm1`                  | `layerS.B.conv1`, `.bn1`                    |
 * | `layerS-B-conv2`, `-norm2`                  | `layerS.B.conv2`, `.bn2`                    |
 * | `layerS-B-shortcut-conv`, `-shortcut-norm`  | `layerS.B.downsample.0`, `.downsample.1`    |
 * | `avgpool`, `fc`                             | `avgpool`, `fc`                             |
 *
 * @module
 */
import type { LayerSpec } from "../recipe/layers.ts";
import { conv, head, maxPool, norm, small, type ZooOptions } from "./blocks.ts";

/** One basic block at each of three widths: the smallest ResNet for small images. */
export function resnet8(options: ZooOptions): LayerSpec[] {
  return resnet(smallStem(options.width), [1, 1, 1], options);
}

/**
 * Returns three basic blocks at each of three widths: He et al.'s network for CIFAR-10, with 16
 * channels at first. Where the shape changes, the shortcut is a 1×1 convolution with norm (272,474
 * parameters with ten classes). The paper's "option A" pads with zero channels there (269,722).
 */
export function resnet20(options: ZooOptions): LayerSpec[] {
  return resnet(smallStem(options.width), [3, 3, 3], options);
}

/** Returns two basic blocks at each of four widths, after a stem that divides by 4, or by 1 if small. */
export function resnet18(options: ZooOptions): LayerSpec[] {
  const { width, stem } = options;
  return resnet(small(stem, options) ? smallStem(width) : largeStem(width), [2, 2, 2, 2], options);
}

const smallStem = (width: number): LayerSpec[] => [
  conv("conv1", width, 3, 1),
  norm("norm1"),
  { type: "relu" },
];

const largeStem = (width: number): LayerSpec[] => [
  conv("conv1", width, 7, 2),
  norm("norm1"),
  { type: "relu" },
  maxPool("pool1", 3, 2),
];

/** Returns stages of basic blocks; each but the first halves height and width and doubles channels. */
function resnet(
  stem: readonly LayerSpec[],
  stages: readonly number[],
  { width, classes }: ZooOptions,
): LayerSpec[] {
  const blocks = stages.flatMap((count, stage) =>
    Array.from({ length: count }, (_, i) => {
      const narrows = stage > 0 && i === 0;
      return basicBlock(`layer${stage + 1}-${i}`, width * 2 ** stage, narrows);
    })
  );
  return [...stem, ...blocks.flat(), ...head("avgpool", "fc", classes)];
}

/** Returns two 3×3 convolutions and a shortcut; with `narrows`, a stride of 2 and new channels. */
function basicBlock(name: string, channels: number, narrows: boolean): LayerSpec[] {
  const stride = narrows ? 2 : 1;
  const shortcut = [
    conv(`${name}-shortcut-conv`, channels, 1, stride),
    norm(`${name}-shortcut-norm`),
  ];
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
      shortcut: narrows ? shortcut : [],
    },
    { type: "relu" },
  ];
}
