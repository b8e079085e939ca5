/**
 * MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381).
 *
 * | ours                                          | torchvision                                     |
 * | --------------------------------------------- | ----------------------------------------------- |
 * | `features-0-conv`, `-norm`                    | `features.0.0`, `.0.1`                          |
 * | `features-B` (the addition, where there is)   | `features.B`, blocks B from 1 to 17             |
 * | `features-B-expand-conv`, `-expand-norm`      | `features.B.conv.0.0`, `.0.1`; not in block 1   |
 * | `features-B-depthwise-conv`, `-depthwise-norm` | `features.B.conv.1.0`, `.1.1`; block 1: `.0.…` |
 * | `features-B-project-conv`, `-project-norm`    | `features.B.conv.2`, `.3`; block 1: `.1`, `.2`  |
 * | `features-18-conv`, `-norm`                   | `features.18.0`, `.18.1`                        |
 * | `avgpool`, `classifier-0` (dropout), `-1`      | – , `classifier.0`, `classifier.1`              |
 *
 * @module
 */
import type { LayerSpec } from "../recipe/layers.ts";
import { conv, dropout, linear, norm, small, type ZooOptions } from "./blocks.ts";

/** Table 2 of the paper: expansion, channels, blocks, stride of the first of them. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/**
 * Returns MobileNetV2. Its width multiplier is `width` / 32: 32 is the network of the paper, 16 is
 * half as wide. All channels, the stem's too, scale with it and are rounded to a multiple of 8, as in
 * the paper's code and torchvision; the last 1×1 convolution has at least 1280.
 *
 * With the small stem, the stem and the stage of 24 channels have a stride of 1, as is usual for
 * CIFAR: height and width are divided by 8, not by 32.
 */
export function mobilenetV2(options: ZooOptions): LayerSpec[] {
  const { width, classes } = options, isSmall = small(options.stem, options);
  const scaled = (channels: number) => multipleOf8(channels * width / 32);
  let input = scaled(32), block = 0;
  const layers = unit("features-0", input, 3, isSmall ? 1 : 2);
  for (const [stage, [expansion, channels, blocks, first]] of STAGES.entries()) {
    for (let i = 0; i < blocks; i++) {
      const output = scaled(channels), stride = i > 0 || (isSmall && stage === 1) ? 1 : first;
      layers.push(
        ...invertedResidual(`features-${++block}`, { input, output, expansion, stride }),
      );
      input = output;
    }
  }
  const last = Math.max(1280, scaled(1280));
  return [
    ...layers,
    ...unit(`features-${++block}`, last, 1, 1),
    { type: "global_avg_pool", name: "avgpool" },
    dropout("classifier-0", 0.2),
    linear("classifier-1", classes),
  ];
}

/** Returns a convolution with norm and ReLU6. */
function unit(
  name: string,
  channels: number,
  kernel: number,
  stride: number,
  groups = 1,
): LayerSpec[] {
  return [
    conv(`${name}-conv`, channels, kernel, stride, { groups }),
    norm(`${name}-norm`),
    { type: "relu6" },
  ];
}

/**
 * Returns a block: expand (omitted with an expansion of 1), depthwise, project; the block's input is
 * added if it has the shape of the output.
 */
function invertedResidual(
  name: string,
  { input, output, expansion, stride }: Readonly<
    Record<"input" | "output" | "expansion" | "stride", number>
  >,
): LayerSpec[] {
  const hidden = input * expansion;
  const body = [
    ...(expansion > 1 ? unit(`${name}-expand`, hidden, 1, 1) : []),
    ...unit(`${name}-depthwise`, hidden, 3, stride, hidden),
    conv(`${name}-project-conv`, output, 1, 1),
    norm(`${name}-project-norm`),
  ];
  if (stride > 1 || input !== output) return body;
  return [{ type: "residual", name, body, shortcut: [] }];
}

/** Returns the nearest multiple of 8, at least 8 and at least nine tenths of `channels`. */
function multipleOf8(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
