/**
 * Reference of kernels/max_pool_backward/shader.wgsl.
 *
 * @module
 */
import { type GradientConstants, gradientEpilogue } from "../include/gradient.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { type PoolConstants, windows } from "../include/pool.ts";
import { reader, row, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface MaxPoolBackward extends PoolConstants, GradientConstants {
  readonly DY_ROW: number;
  readonly DX_ROW: number;
}

/**
 * Each window's gradient goes to its first maximum in row order. A pixel adds its windows in f32, in
 * row order.
 */
export function maxPoolBackward(
  c: MaxPoolBackward,
  b: Buffers<"x" | "dy" | "dx"> & { readonly addend?: HostBuffer; readonly mask?: HostBuffer },
): void {
  const channels = 4 * c.CQ, x = c.INT8 ? b.x.i8 : b.x.f32;
  const dy = reader(c.INT8, b.dy, row(b.quantizers, c.DY_ROW));
  const sums = new Float32Array(c.N * c.H * c.W * channels);
  windows(c, (output, inputs) => {
    for (let channel = 0; channel < channels; channel++) {
      let winner = -1;
      for (const p of inputs) {
        const at = p * channels + channel;
        if (winner < 0 || x[at]! > x[winner]!) winner = at;
      }
      sums[winner]! += dy(output * channels + channel);
    }
  });
  const writer = new Writer(c, b, b.dx, c.DX_ROW);
  const finish = gradientEpilogue(c, b);
  for (let at = 0; at < sums.length; at++) {
    const channel = at % channels, pixel = Math.floor(at / channels);
    if (channel >= c.CHANNELS) writer.pad(at);
    else writer.store(at, finish(sums[at]!, at), pixel * c.CHANNELS + channel);
  }
  writer.record();
}
