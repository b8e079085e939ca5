/**
 * Reference of kernels/include/gradient.wgsl: adds the other branches' gradient and applies the mask.
 *
 * @module
 */
import type { Buffers, HostBuffer } from "./host_buffer.ts";
import { reader, row, type StoreConstants } from "./quantize.ts";

/** Constants of a kernel that writes a gradient. */
export interface GradientConstants extends StoreConstants {
  readonly ADDEND: number;
  readonly ADDEND_ROW: number;
  /** 0 none, 1 ReLU, 2 ReLU6. */
  readonly MASK: number;
  readonly MASK_ROW: number;
}

/** Returns the epilogue, which turns a contribution at padded index `at` into the gradient. */
export function gradientEpilogue(
  c: GradientConstants,
  b: Buffers<never> & { readonly addend?: HostBuffer; readonly mask?: HostBuffer },
): (v: number, at: number) => number {
  const addend = c.ADDEND ? reader(c.INT8, b.addend!, row(b.quantizers, c.ADDEND_ROW)) : undefined;
  const mask = c.MASK ? reader(c.INT8, b.mask!, row(b.quantizers, c.MASK_ROW)) : undefined;
  return (v, at) => {
    const g = addend ? Math.fround(v + addend(at)) : v;
    if (!mask) return g;
    const m = mask(at);
    return m > 0 && (c.MASK === 1 || m < 6) ? g : 0;
  };
}
