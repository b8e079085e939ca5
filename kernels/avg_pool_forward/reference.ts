/**
 * Reference of kernels/avg_pool_forward/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { type PoolConstants, windows } from "../include/pool.ts";
import { row, type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface AvgPoolForward extends PoolConstants, StoreConstants {
  readonly X_ROW: number;
  readonly Y_ROW: number;
}

/** Y = the mean of each window, padding counted as zeros. An f32 sum adds pixels in row order. */
export function avgPoolForward(c: AvgPoolForward, b: Buffers<"x" | "y">): void {
  const fround = Math.fround, channels = 4 * c.CQ, area = c.KH * c.KW;
  const z = row(b.quantizers, c.X_ROW), unit = fround(z.scale / area);
  const writer = new Writer(c, b, b.y, c.Y_ROW);
  windows(c, (output, inputs) => {
    for (let channel = 0; channel < channels; channel++) {
      const at = output * channels + channel;
      if (channel >= c.CHANNELS) {
        writer.pad(at);
        continue;
      }
      let sum = 0;
      for (const p of inputs) {
        const from = p * channels + channel;
        sum = c.INT8 ? sum + b.x.i8[from]! - z.zero : fround(sum + b.x.f32[from]!);
      }
      writer.store(at, fround(c.INT8 ? sum * unit : sum / area));
    }
  });
  writer.record();
}
