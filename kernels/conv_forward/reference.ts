/**
 * Reference of kernels/conv_forward/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { addMultiple } from "../include/multiply_add.ts";
import { unpacked } from "../include/packed_index.ts";
import { row, type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ConvForward extends StoreConstants {
  readonly H: number;
  readonly W: number;
  readonly IQ: number;
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
  readonly PIXELS: number;
  readonly TILES: number;
  readonly CHANNELS: number;
  readonly BIAS: number;
  readonly LOGITS: number;
  readonly SUMS: number;
  readonly X_ROW: number;
  readonly W_ROW: number;
  readonly Y_ROW: number;
}

/**
 * Y = conv(X, W) (+ bias), quantized. An f32 sum adds taps in row order and in each tap its inputs
 * ascending; padding is skipped (include/multiply_add.ts).
 */
export function convForward(
  c: ConvForward,
  b: Buffers<"x" | "weight" | "bias" | "y" | "sums">,
): void {
  const inputs = 4 * c.IQ, outputs = 4 * c.OQ, own = 4 * c.QUADS;
  const zx = row(b.quantizers, c.X_ROW), zy = row(b.quantizers, c.Y_ROW);
  const unit = Math.fround(zx.scale * row(b.quantizers, c.W_ROW).scale);
  const x = c.INT8 ? b.x.i8 : b.x.f32, zero = c.INT8 ? zx.zero : 0;
  const w = unpacked(c.INT8, b.weight, c.KH * c.KW, c.IQ, c.QUADS);
  const sum = c.INT8 ? new Int32Array(own) : new Float32Array(own);
  const writer = new Writer(c, b, b.y, c.Y_ROW);
  if (c.SUMS) b.sums.i32.fill(0);
  for (let pixel = 0; pixel < c.PIXELS; pixel++) {
    const image = Math.floor(pixel / (c.HO * c.WO));
    const top = Math.floor(pixel / c.WO) % c.HO * c.SH - c.PH;
    const left = pixel % c.WO * c.SW - c.PW;
    sum.fill(0);
    for (let ky = Math.max(0, -top); ky < c.KH && top + ky < c.H; ky++) {
      for (let kx = Math.max(0, -left); kx < c.KW && left + kx < c.W; kx++) {
        const from = ((image * c.H + top + ky) * c.W + left + kx) * inputs;
        const at = (ky * c.KW + kx) * inputs;
        for (let i = 0; i < inputs; i++) {
          addMultiple(sum, 0, x[from + i]! - zero, w, (at + i) * own, own);
        }
      }
    }
    // Any tile will do: only sums over tiles are defined.
    const tile = Math.floor(pixel * c.TILES / c.PIXELS);
    for (let k = 0; k < own; k++) {
      const o = 4 * c.FIRST + k, at = pixel * outputs + o;
      let v = Math.fround(sum[k]!);
      if (c.INT8) v = Math.fround(v * unit);
      if (c.BIAS) v = Math.fround(v + b.bias.f32[o]!);
      if (c.LOGITS) {
        b.y.f32[at] = v;
      } else if (o >= c.CHANNELS) {
        writer.pad(at);
      } else {
        const d = writer.store(at, v) - zy.zero;
        if (!c.SUMS) continue;
        const to = 2 * (tile * outputs + o);
        b.sums.i32[to]! += d;
        b.sums.i32[to + 1]! += d * d;
      }
    }
  }
  if (!c.LOGITS) writer.record();
}
