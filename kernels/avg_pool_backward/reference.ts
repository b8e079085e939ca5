/**
 * Reference of kernels/avg_pool_backward/shader.wgsl.
 *
 * @module
 */
import { type GradientConstants, gradientEpilogue } from "../include/gradient.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { type PoolConstants, windows } from "../include/pool.ts";
import { row, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface AvgPoolBackward extends PoolConstants, GradientConstants {
  readonly DY_ROW: number;
  readonly DX_ROW: number;
}

/**
 * Each window's gradient, shared equally among its pixels. A pixel adds its windows in f32, in row
 * order.
 */
export function avgPoolBackward(
  c: AvgPoolBackward,
  b: Buffers<"dy" | "dx"> & { readonly addend?: HostBuffer; readonly mask?: HostBuffer },
): void {
  const fround = Math.fround, channels = 4 * c.CQ, area = c.KH * c.KW;
  const z = row(b.quantizers, c.DY_ROW), unit = fround(z.scale / area);
  const sums = new Float32Array(c.N * c.H * c.W * channels);
  windows(c, (output, inputs) => {
    for (const p of inputs) {
      for (let channel = 0; channel < channels; channel++) {
        const from = output * channels + channel;
        sums[p * channels + channel]! += c.INT8 ? b.dy.i8[from]! - z.zero : b.dy.f32[from]!;
      }
    }
  });
  const writer = new Writer(c, b, b.dx, c.DX_ROW);
  const finish = gradientEpilogue(c, b);
  for (let at = 0; at < sums.length; at++) {
    const channel = at % channels, pixel = Math.floor(at / channels);
    if (channel >= c.CHANNELS) {
      writer.pad(at);
      continue;
    }
    const v = fround(c.INT8 ? sums[at]! * unit : sums[at]! / area);
    writer.store(at, finish(v, at), pixel * c.CHANNELS + channel);
  }
  writer.record();
}
