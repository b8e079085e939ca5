/**
 * Reference of kernels/conv_backward_input/shader.wgsl.
 *
 * @module
 */
import { type GradientConstants, gradientEpilogue } from "../include/gradient.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { addMultiple } from "../include/multiply_add.ts";
import { unpacked } from "../include/packed_index.ts";
import { row, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ConvBackwardInput extends GradientConstants {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly IQ: number;
  readonly GQ: number;
  readonly CHANNELS: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
  readonly HO: number;
  readonly WO: number;
  readonly OQ: number;
  readonly QUADS: number;
  readonly FIRST: number;
  readonly BEFORE: number;
  readonly DY_ROW: number;
  readonly W_ROW: number;
  readonly DX_ROW: number;
}

/**
 * dX = the transposed convolution of dY with W, quantized. An f32 sum starts at `before` or 0, adds
 * the taps of the pixel's phase in row order and in each tap its outputs ascending; taps outside dY
 * are skipped (include/multiply_add.ts).
 */
export function convBackwardInput(
  c: ConvBackwardInput,
  b: Buffers<"dy" | "weight" | "before" | "dx"> & {
    readonly addend?: HostBuffer;
    readonly mask?: HostBuffer;
  },
): void {
  const inputs = 4 * c.IQ, outputs = 4 * c.QUADS, all = 4 * c.OQ;
  const zdy = row(b.quantizers, c.DY_ROW);
  const unit = Math.fround(zdy.scale * row(b.quantizers, c.W_ROW).scale);
  const dy = c.INT8 ? b.dy.i8 : b.dy.f32, zero = c.INT8 ? zdy.zero : 0;
  const w = unpacked(c.INT8, b.weight, c.KH * c.KW, c.QUADS, c.IQ);
  const sum = c.INT8 ? new Int32Array(inputs) : new Float32Array(inputs);
  const writer = new Writer(c, b, b.dx, c.DX_ROW);
  const finish = gradientEpilogue(c, b);
  for (let pixel = 0; pixel < c.N * c.H * c.W; pixel++) {
    const image = Math.floor(pixel / (c.H * c.W));
    const y = Math.floor(pixel / c.W) % c.H, x = pixel % c.W;
    sum.fill(0);
    if (c.BEFORE) sum.set(b.before.f32.subarray(pixel * inputs, (pixel + 1) * inputs));
    for (let ky = (y + c.PH) % c.SH; ky < c.KH; ky += c.SH) {
      const oy = (y + c.PH - ky) / c.SH;
      if (oy < 0 || oy >= c.HO) continue;
      for (let kx = (x + c.PW) % c.SW; kx < c.KW; kx += c.SW) {
        const ox = (x + c.PW - kx) / c.SW;
        if (ox < 0 || ox >= c.WO) continue;
        const from = ((image * c.HO + oy) * c.WO + ox) * all + 4 * c.FIRST;
        const at = (ky * c.KW + kx) * outputs;
        for (let o = 0; o < outputs; o++) {
          addMultiple(sum, 0, dy[from + o]! - zero, w, (at + o) * inputs, inputs);
        }
      }
    }
    for (let i = 0; i < inputs; i++) {
      const at = pixel * inputs + i;
      const group = Math.floor(i / (4 * c.GQ)), channel = i % (4 * c.GQ);
      if (channel >= c.CHANNELS) {
        writer.pad(at);
        continue;
      }
      let v = Math.fround(sum[i]!);
      if (c.INT8) v = Math.fround(v * unit);
      const element = (pixel * (c.IQ / c.GQ) + group) * c.CHANNELS + channel;
      writer.store(at, finish(v, at), element);
    }
  }
  writer.record();
}
