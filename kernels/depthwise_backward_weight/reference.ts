/**
 * Reference of kernels/depthwise_backward_weight/shader.wgsl.
 *
 * @module
 */
import { zeroCentred } from "../include/depthwise.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { addProducts } from "../include/multiply_add.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface DepthwiseBackwardWeight {
  readonly INT8: number;
  readonly BIAS: number;
  readonly H: number;
  readonly W: number;
  readonly HO: number;
  readonly WO: number;
  readonly LINES: number;
  readonly CQ: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
  readonly CHUNKS: number;
  /** Output rows (of all images, one after another) in a chunk. */
  readonly ROWS: number;
  readonly X_ROW: number;
  readonly DY_ROW: number;
}

/**
 * Sums of products, and of dY, over the pixels of each chunk. An f32 sum adds pixels ascending;
 * padding is skipped (include/multiply_add.ts).
 */
export function depthwiseBackwardWeight(
  c: DepthwiseBackwardWeight,
  b: Buffers<"x" | "dy" | "partial" | "dy_total">,
): void {
  const channels = 4 * c.CQ, taps = c.KH * c.KW;
  const x = zeroCentred(c.INT8, b.x, row(b.quantizers, c.X_ROW).zero);
  const dy = zeroCentred(c.INT8, b.dy, row(b.quantizers, c.DY_ROW).zero);
  const partial = c.INT8 ? b.partial.i32 : b.partial.f32;
  const total = !c.BIAS ? undefined : c.INT8 ? b.dy_total.i32 : b.dy_total.f32;
  partial.fill(0, 0, c.CHUNKS * taps * channels);
  total?.fill(0, 0, c.CHUNKS * channels);
  for (let pixel = 0; pixel < c.LINES * c.WO; pixel++) {
    const line = Math.floor(pixel / c.WO), image = Math.floor(line / c.HO);
    const chunk = Math.floor(line / c.ROWS), from = pixel * channels;
    for (let k = 0; total && k < channels; k++) total[chunk * channels + k]! += dy[from + k]!;
    for (let tap = 0; tap < taps; tap++) {
      const y = line % c.HO * c.SH - c.PH + Math.floor(tap / c.KW);
      const column = pixel % c.WO * c.SW - c.PW + tap % c.KW;
      if (y < 0 || y >= c.H || column < 0 || column >= c.W) continue;
      const at = ((image * c.H + y) * c.W + column) * channels;
      addProducts(partial, (chunk * taps + tap) * channels, dy, from, x, at, channels);
    }
  }
}
