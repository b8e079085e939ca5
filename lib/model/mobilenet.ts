/**
 * MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381).
 *
 * @module
 */
import type { LayerSpec } from "../recipe/types.ts";
import { conv, head, norm, type ZooOptions } from "./blocks.ts";

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
 * MobileNetV2. Its width multiplier is `width` / 32: 32 is the network of the paper, 16 is half as
 * wide. Channels of the blocks scale with it and are rounded to a multiple of 8, as the paper's code
 * and torchvision do; the last 1×1 convolution never has less than 1280.
 */
export function mobilenetV2({ width, classes }: ZooOptions): LayerSpec[] {
  const scaled = (channels: number) => multipleOf8(channels * width / 32);
  const layers = [conv("conv1", width, 3, 2), norm("norm1"), { type: "relu6" } as const];
  let input = width, block = 0;
  for (const [expansion, channels, blocks, stride] of STAGES) {
    for (let i = 0; i < blocks; i++) {
      const output = scaled(channels);
      layers.push(...invertedResidual(`block${++block}`, {
        input,
        output,
        expansion,
        stride: i === 0 ? stride : 1,
      }));
      input = output;
    }
  }
  const last = Math.max(1280, scaled(1280));
  return [...layers, conv("conv2", last, 1, 1), norm("norm2"), { type: "relu6" }, ...head(classes)];
}

/**
 * `conv1` widens (left out where there is nothing to widen), `conv2` is depthwise, `conv3` narrows; the
 * block's input is added where it has the shape of the output.
 */
function invertedResidual(
  name: string,
  { input, output, expansion, stride }: Readonly<
    Record<"input" | "output" | "expansion" | "stride", number>
  >,
): LayerSpec[] {
  const hidden = input * expansion;
  const body: LayerSpec[] = [
    conv(`${name}-conv2`, hidden, 3, stride, hidden),
    norm(`${name}-norm2`),
    { type: "relu6" },
    conv(`${name}-conv3`, output, 1, 1),
    norm(`${name}-norm3`),
  ];
  if (expansion > 1) {
    body.unshift(conv(`${name}-conv1`, hidden, 1, 1), norm(`${name}-norm1`), { type: "relu6" });
  }
  if (stride > 1 || input !== output) return body;
  return [{ type: "residual", name, body, shortcut: [] }];
}

/** The nearest multiple of 8, at least 8, and never less than nine tenths. */
function multipleOf8(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
