/**
 * Reference of kernels/norm_coefficients/shader.wgsl.
 *
 * @module
 */
import { STEP } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { float64 } from "../include/int64.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface NormCoefficients {
  readonly INT8: number;
  readonly CHANNELS: number;
  readonly PIXELS: number;
  readonly TILES: number;
  readonly CHUNK: number;
  readonly EPSILON: number;
  readonly MOMENTUM: number;
  readonly KEPT: number;
  readonly Y_ROW: number;
  readonly NONFINITE: number;
}

const fround = Math.fround;

/** Words of a row of coefficients: six vec4 for four channels. */
export function coefficientIndex(channel: number, which: number): number {
  return Math.floor(channel / 4) * 24 + which * 4 + channel % 4;
}

/**
 * Computes mean, variance and the affine map of a batch, and updates the running statistics. Sums of
 * f32 tiles join in float64, tiles ascending; mean and variance are rounded to f32 at the end.
 */
export function normCoefficients(
  c: NormCoefficients,
  b: Buffers<"sums" | "affine" | "running" | "coefficients" | "total" | "found_nonfinite">,
): void {
  const n = fround(c.PIXELS), scale = row(b.quantizers, c.Y_ROW).scale;
  const kept = fround(c.KEPT), taken = fround(c.MOMENTUM);
  for (let channel = 0; channel < c.CHANNELS; channel++) {
    let mean: number, variance: number;
    if (c.INT8) {
      let first = 0n, second = 0n;
      for (let tile = 0; tile < c.TILES; tile++) {
        const at = 2 * (tile * c.CHANNELS + channel);
        first += BigInt(b.sums.i32[at]!);
        second += BigInt(b.sums.u32[at + 1]!);
      }
      const spread = BigInt(c.PIXELS) * second - first * first;
      mean = fround(fround(float64(first) / n) * scale);
      variance = fround(fround(fround(float64(spread) / fround(n * n)) * scale) * scale);
      b.total.i32[channel] = Number(first);
    } else {
      const size = (tile: number) => Math.min(c.CHUNK, c.PIXELS - tile * c.CHUNK);
      let sum = 0, squares = 0;
      for (let tile = 0; tile < c.TILES; tile++) {
        sum += b.sums.f32[2 * (tile * c.CHANNELS + channel)]!;
      }
      mean = sum / n;
      for (let tile = 0; tile < c.TILES; tile++) {
        const at = 2 * (tile * c.CHANNELS + channel);
        const d = b.sums.f32[at]! / size(tile) - mean;
        squares += b.sums.f32[at + 1]! + size(tile) * (d * d);
      }
      mean = fround(mean);
      variance = fround(squares / n);
    }
    const inverse = fround(1 / fround(Math.sqrt(fround(variance + fround(c.EPSILON)))));
    const gamma = b.affine.f32[channel]!;
    b.coefficients.f32[coefficientIndex(channel, 0)] = fround(gamma * inverse);
    b.coefficients.f32[coefficientIndex(channel, 1)] = mean;
    b.coefficients.f32[coefficientIndex(channel, 2)] = b.affine.f32[c.CHANNELS + channel]!;
    b.coefficients.f32[coefficientIndex(channel, 5)] = inverse;
    if (!Number.isFinite(mean) || !Number.isFinite(variance)) b.statistics.u32[c.NONFINITE]!++;
    if (STEP.get(b.step, 0, "normWeight") > 0 && !b.found_nonfinite.u32[0]) {
      const unbiased = fround(variance * fround(n / Math.max(fround(n - 1), 1)));
      const r = b.running.f32, before = b.coefficients.f32.subarray(6 * c.CHANNELS);
      if (STEP.get(b.step, 0, "first") === 0) {
        before[channel] = r[channel]!;
        before[c.CHANNELS + channel] = r[c.CHANNELS + channel]!;
      }
      r[channel] = fround(fround(kept * r[channel]!) + fround(taken * mean));
      const at = c.CHANNELS + channel;
      r[at] = fround(fround(kept * r[at]!) + fround(taken * unbiased));
    }
  }
}
