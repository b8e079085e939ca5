/**
 * Reference of kernels/depthwise_backward_weight/shader.wgsl.
 *
 * @module
 */
import { zeroCentred } from "../include/depthwise.ts";
import type { Buffers } from "../include/host_buffer.ts";
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

/** Sums of products, and of dY, over the pixels of each chunk. */
export function depthwiseBackwardWeight(
  c: DepthwiseBackwardWeight,
  b: Buffers<"x" | "dy" | "partial" | "dy_total">,
): void {
  const channels = 4 * c.CQ, taps = c.KH * c.KW;
  const x = zeroCentred(c.INT8, b.x, row(b.quantizers, c.X_ROW).zero);
  const dy = zeroCentred(c.INT8, b.dy, row(b.quantizers, c.DY_ROW).zero);
  const stored = c.INT8 ? "i32" : "f32";
  for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
    const products = new Float64Array(taps * channels), total = new Float64Array(channels);
    const last = Math.min((chunk + 1) * c.ROWS, c.LINES);
    for (let pixel = chunk * c.ROWS * c.WO; pixel < last * c.WO; pixel++) {
      const line = Math.floor(pixel / c.WO), image = Math.floor(line / c.HO);
      for (let channel = 0; channel < channels; channel++) {
        const d = dy(pixel * channels + channel);
        total[channel]! += d;
        for (let tap = 0; tap < taps; tap++) {
          const y = line % c.HO * c.SH - c.PH + Math.floor(tap / c.KW);
          const column = pixel % c.WO * c.SW - c.PW + tap % c.KW;
          if (y < 0 || y >= c.H || column < 0 || column >= c.W) continue;
          const from = (image * c.H + y) * c.W + column;
          products[tap * channels + channel]! += d * x(from * channels + channel);
        }
      }
    }
    b.partial[stored].set(products, chunk * products.length);
    if (c.BIAS) b.dy_total[stored].set(total, chunk * channels);
  }
}
