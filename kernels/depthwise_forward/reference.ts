/**
 * Reference of kernels/depthwise_forward/shader.wgsl.
 *
 * @module
 */
import { zeroCentred } from "../include/depthwise.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { addProducts } from "../include/multiply_add.ts";
import { row, type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface DepthwiseForward extends StoreConstants {
  readonly H: number;
  readonly W: number;
  readonly HO: number;
  readonly WO: number;
  readonly LINES: number;
  readonly TILES: number;
  readonly CQ: number;
  readonly CHANNELS: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
  readonly BIAS: number;
  readonly SUMS: number;
  readonly X_ROW: number;
  readonly Y_ROW: number;
}

/**
 * Y = each channel's own convolution (+ bias), quantized. An f32 sum adds taps in row order; padding
 * is skipped (include/multiply_add.ts).
 */
export function depthwiseForward(
  c: DepthwiseForward,
  b: Buffers<"x" | "weight" | "scales" | "bias" | "y" | "sums">,
): void {
  const fround = Math.fround, channels = 4 * c.CQ;
  const zx = row(b.quantizers, c.X_ROW), zy = row(b.quantizers, c.Y_ROW);
  const x = zeroCentred(c.INT8, b.x, zx.zero), w = zeroCentred(c.INT8, b.weight, 0);
  const sum = c.INT8 ? new Int32Array(channels) : new Float32Array(channels);
  const writer = new Writer(c, b, b.y, c.Y_ROW);
  if (c.SUMS) b.sums.i32.fill(0);
  for (let pixel = 0; pixel < c.LINES * c.WO; pixel++) {
    const line = Math.floor(pixel / c.WO), image = Math.floor(line / c.HO);
    const top = line % c.HO * c.SH - c.PH, left = pixel % c.WO * c.SW - c.PW;
    sum.fill(0);
    for (let ky = Math.max(0, -top); ky < c.KH && top + ky < c.H; ky++) {
      for (let kx = Math.max(0, -left); kx < c.KW && left + kx < c.W; kx++) {
        const from = ((image * c.H + top + ky) * c.W + left + kx) * channels;
        addProducts(sum, 0, x, from, w, (ky * c.KW + kx) * channels, channels);
      }
    }
    // Any tile will do: only sums over tiles are defined.
    const tile = Math.floor(pixel * c.TILES / (c.LINES * c.WO));
    for (let channel = 0; channel < channels; channel++) {
      const at = pixel * channels + channel;
      if (channel >= c.CHANNELS) {
        writer.pad(at);
        continue;
      }
      let v = fround(sum[channel]!);
      if (c.INT8) v = fround(v * fround(zx.scale * b.scales.f32[channel]!));
      if (c.BIAS) v = fround(v + b.bias.f32[channel]!);
      const d = writer.store(at, v) - zy.zero;
      if (!c.SUMS) continue;
      const to = 2 * (tile * channels + channel);
      b.sums.i32[to]! += d;
      b.sums.i32[to + 1]! += d * d;
    }
  }
  writer.record();
}
