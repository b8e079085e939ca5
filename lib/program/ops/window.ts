/**
 * Layers whose channels each slide a window of their own over the image: pooling and depthwise
 * convolution.
 *
 * @module
 */
import { ModelError } from "../../core/errors.ts";
import type { Pair } from "../../recipe/fields.ts";
import type { Builder } from "../builder.ts";
import type { Tensor } from "../tensor.ts";

/** Tensors and window of such a layer. */
export interface Windowed {
  readonly input: Tensor;
  readonly output: Tensor;
  /** Height and width. */
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

/** The layer's sizes, by the names of the kernels' constants. */
export function windowConstants(
  b: Builder,
  { input: x, output: y, kernel, stride, padding }: Windowed,
) {
  return {
    N: b.options.batch,
    H: x.h,
    W: x.w,
    HO: y.h,
    WO: y.w,
    CQ: x.quads,
    CHANNELS: x.c,
    KH: kernel[0],
    KW: kernel[1],
    SH: stride[0],
    SW: stride[1],
    PH: padding[0],
    PW: padding[1],
  };
}

/**
 * Output height and width of a window that slides over `x`.
 *
 * @throws ModelError for a window larger than its input
 */
export function slidingSize(
  name: string,
  x: Tensor,
  { kernel, stride, padding }: Pick<Windowed, "kernel" | "stride" | "padding">,
): [number, number] {
  const size = (i: 0 | 1, length: number) => {
    if (kernel[i] > length + 2 * padding[i]) {
      throw new ModelError(
        `layer ${name}: a kernel of ${
          kernel.join("×")
        } is larger than its input of ${x.h}×${x.w} with ` +
          `padding ${
            padding.join("×")
          }; use a smaller kernel, more padding, or less pooling before it`,
      );
    }
    return Math.floor((length + 2 * padding[i] - kernel[i]) / stride[i]) + 1;
  };
  return [size(0, x.h), size(1, x.w)];
}

/** A window in words: `3×3 /2`. */
export function windowText(
  { kernel, stride: [down, right] }: Pick<Windowed, "kernel" | "stride">,
): string {
  const stride = down === right ? `${down}` : `${down}×${right}`;
  return kernel.join("×") + (stride === "1" ? "" : ` /${stride}`);
}
