/**
 * Reference of kernels/per_channel_weight_range/shader.wgsl.
 *
 * @module
 */
import { quantizerOf } from "../../lib/quant/range.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface PerChannelWeightRange {
  readonly OQ: number;
  readonly SIZE: number;
  readonly W_ROW: number;
}

/** Scale and 1/scale of each output channel. */
export function perChannelWeightRange(
  c: PerChannelWeightRange,
  b: Buffers<"weight" | "channels">,
): void {
  const bits = Math.log2(row(b.quantizers, c.W_ROW).qmax + 1) + 1;
  for (let o = 0; o < 4 * c.OQ; o++) {
    const weights = b.weight.f32.subarray(4 * c.SIZE * o, 4 * c.SIZE * (o + 1));
    const high = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    const { scale, inverse } = quantizerOf({ low: 0, high }, bits, true);
    b.channels.f32.set([scale, inverse], 2 * o);
  }
}
