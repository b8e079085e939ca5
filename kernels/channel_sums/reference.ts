/**
 * Reference of kernels/channel_sums/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ChannelSums {
  readonly INT8: number;
  readonly CQ: number;
  readonly PIXELS: number;
  readonly CHUNKS: number;
  readonly CHUNK: number;
  readonly Y_ROW: number;
}

/** Two sums per chunk and channel; of f32 values in float64, pixels ascending. */
export function channelSums(c: ChannelSums, b: Buffers<"y" | "sums">): void {
  const channels = 4 * c.CQ;
  const zero = row(b.quantizers, c.Y_ROW).zero;
  for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
    const first = chunk * c.CHUNK, last = Math.min(first + c.CHUNK, c.PIXELS);
    for (let channel = 0; channel < channels; channel++) {
      const to = 2 * (chunk * channels + channel);
      let total = 0, square = 0;
      if (c.INT8) {
        for (let p = first; p < last; p++) {
          const d = b.y.i8[p * channels + channel]! - zero;
          total += d;
          square += d * d;
        }
        b.sums.i32[to] = total;
        b.sums.i32[to + 1] = square;
      } else {
        for (let p = first; p < last; p++) total += b.y.f32[p * channels + channel]!;
        const mean = total / (last - first);
        for (let p = first; p < last; p++) {
          const d = b.y.f32[p * channels + channel]! - mean;
          square += d * d;
        }
        b.sums.f32[to] = total;
        b.sums.f32[to + 1] = square;
      }
    }
  }
}
