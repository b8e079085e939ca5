/**
 * Layers whose channels each slide a window of their own over the image: pooling and depthwise
 * convolution.
 *
 * @module
 */
import type { Builder } from "../builder.ts";
import type { Tensor } from "../tensor.ts";

/** What such a layer is made of. */
export interface Windowed {
  readonly input: Tensor;
  readonly output: Tensor;
  /** Height and width. */
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** The layer's numbers in the names of the kernels' constants. */
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
