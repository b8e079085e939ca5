/**
 * Reference of kernels/conv_backward_weight/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { addMultiple } from "../include/multiply_add.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ConvBackwardWeight {
  readonly INT8: number;
  readonly H: number;
  readonly W: number;
  readonly IQ: number;
  readonly HO: number;
  readonly WO: number;
  readonly OQ: number;
  readonly DQ: number;
  readonly FIRST: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
  readonly PIXELS: number;
  readonly CHUNKS: number;
  /** Pixels in a chunk. */
  readonly CHUNK: number;
  readonly X_ROW: number;
}

/**
 * Sums over the pixels of each chunk: products, and the totals that correct for zero points. An f32
 * sum adds pixels ascending, with x = 0 in the padding (include/multiply_add.ts).
 */
export function convBackwardWeight(
  c: ConvBackwardWeight,
  b: Buffers<"x" | "dy" | "partial" | "x_total" | "dy_total">,
): void {
  const inputs = 4 * c.IQ, outputs = 4 * c.OQ, taps = c.KH * c.KW;
  const padding = c.INT8 ? row(b.quantizers, c.X_ROW).zero : 0;
  const x = c.INT8 ? b.x.i8 : b.x.f32, dy = c.INT8 ? b.dy.i8 : b.dy.f32;
  const partial = c.INT8 ? b.partial.i32 : b.partial.f32;
  const xTotal = c.INT8 ? b.x_total.i32 : undefined;
  const dyTotal = c.INT8 ? b.dy_total.i32 : b.dy_total.f32;
  const xs = c.INT8 ? new Int8Array(inputs) : new Float32Array(inputs);
  partial.fill(0, 0, c.CHUNKS * outputs * taps * inputs);
  xTotal?.fill(0, 0, c.CHUNKS * taps * inputs);
  dyTotal.fill(0, 0, c.CHUNKS * outputs);
  for (let pixel = 0; pixel < c.PIXELS; pixel++) {
    const chunk = Math.floor(pixel / c.CHUNK), image = Math.floor(pixel / (c.HO * c.WO));
    const row_ = Math.floor(pixel / c.WO) % c.HO, column = pixel % c.WO;
    const from = 4 * (pixel * c.DQ + c.FIRST);
    for (let o = 0; o < outputs; o++) dyTotal[chunk * outputs + o]! += dy[from + o]!;
    for (let tap = 0; tap < taps; tap++) {
      const y = row_ * c.SH - c.PH + Math.floor(tap / c.KW);
      const at = column * c.SW - c.PW + tap % c.KW;
      const inside = y >= 0 && y < c.H && at >= 0 && at < c.W;
      const xFrom = ((image * c.H + y) * c.W + at) * inputs;
      for (let i = 0; i < inputs; i++) {
        xs[i] = inside ? x[xFrom + i]! : padding;
        if (xTotal) xTotal[(chunk * taps + tap) * inputs + i]! += xs[i]!;
      }
      for (let o = 0; o < outputs; o++) {
        const to = ((chunk * outputs + o) * taps + tap) * inputs;
        addMultiple(partial, to, dy[from + o]!, xs, 0, inputs);
      }
    }
  }
}
