/**
 * Reference of kernels/normalize_input/shader.wgsl.
 *
 * @module
 */
import { roundHalfEven } from "../../lib/quant/range.ts";
import { recordStatistics } from "../../lib/quant/statistics.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface NormalizeInput {
  readonly INT8: number;
  readonly STORE: number;
  readonly PIXELS: number;
  readonly CHANNELS: number;
  readonly X_ROW: number;
}

/** Pixels → the network's input tensor. */
export function normalizeInput(c: NormalizeInput, b: Buffers<"pixels" | "affine" | "x">): void {
  const fround = Math.fround, z = row(b.quantizers, c.X_ROW);
  for (let p = 0; p < c.PIXELS; p++) {
    for (let channel = 0; channel < 4; channel++) {
      const real = channel < c.CHANNELS;
      const pixel = real ? b.pixels.bytes[p * c.CHANNELS + channel]! : 0;
      const v = real
        ? fround(fround(pixel * b.affine.f32[channel]!) + b.affine.f32[4 + channel]!)
        : 0;
      if (!c.STORE) {
        b.x.f32[4 * p + channel] = v;
        continue;
      }
      if (!Number.isFinite(v)) recordStatistics(b.statistics, c.X_ROW, { nonfinite: 1 });
      const code = roundHalfEven(fround(v * z.inverse)) + z.zero;
      const clamped = Math.min(Math.max(code, z.qmin), z.qmax);
      if (c.INT8) b.x.i8[4 * p + channel] = clamped;
      else b.x.f32[4 * p + channel] = fround((clamped - z.zero) * z.scale);
    }
  }
}
