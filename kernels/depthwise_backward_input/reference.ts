/**
 * Reference of kernels/depthwise_backward_input/shader.wgsl.
 *
 * @module
 */
import { zeroCentred } from "../include/depthwise.ts";
import { type GradientConstants, gradientEpilogue } from "../include/gradient.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { addProducts } from "../include/multiply_add.ts";
import { row, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface DepthwiseBackwardInput extends GradientConstants {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly HO: number;
  readonly WO: number;
  readonly CQ: number;
  readonly CHANNELS: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
  readonly DY_ROW: number;
  readonly DX_ROW: number;
}

/**
 * dX = each channel's own transposed convolution of dY with W, quantized. An f32 sum adds the taps of
 * the pixel's phase in row order; taps outside dY are skipped (include/multiply_add.ts).
 */
export function depthwiseBackwardInput(
  c: DepthwiseBackwardInput,
  b: Buffers<"dy" | "weight" | "scales" | "dx"> & {
    readonly addend?: HostBuffer;
    readonly mask?: HostBuffer;
  },
): void {
  const fround = Math.fround, channels = 4 * c.CQ;
  const zdy = row(b.quantizers, c.DY_ROW);
  const dy = zeroCentred(c.INT8, b.dy, zdy.zero), w = zeroCentred(c.INT8, b.weight, 0);
  const sum = c.INT8 ? new Int32Array(channels) : new Float32Array(channels);
  const writer = new Writer(c, b, b.dx, c.DX_ROW);
  const finish = gradientEpilogue(c, b);
  for (let pixel = 0; pixel < c.N * c.H * c.W; pixel++) {
    const image = Math.floor(pixel / (c.H * c.W));
    const y = Math.floor(pixel / c.W) % c.H, x = pixel % c.W;
    sum.fill(0);
    for (let ky = (y + c.PH) % c.SH; ky < c.KH; ky += c.SH) {
      const oy = (y + c.PH - ky) / c.SH;
      if (oy < 0 || oy >= c.HO) continue;
      for (let kx = (x + c.PW) % c.SW; kx < c.KW; kx += c.SW) {
        const ox = (x + c.PW - kx) / c.SW;
        if (ox < 0 || ox >= c.WO) continue;
        const from = ((image * c.HO + oy) * c.WO + ox) * channels;
        addProducts(sum, 0, dy, from, w, (ky * c.KW + kx) * channels, channels);
      }
    }
    for (let channel = 0; channel < channels; channel++) {
      const at = pixel * channels + channel;
      if (channel >= c.CHANNELS) {
        writer.pad(at);
        continue;
      }
      let v = fround(sum[channel]!);
      if (c.INT8) v = fround(v * fround(zdy.scale * b.scales.f32[channel]!));
      writer.store(at, finish(v, at), pixel * c.CHANNELS + channel);
    }
  }
  writer.record();
}
