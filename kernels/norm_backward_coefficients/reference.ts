/**
 * Reference of kernels/norm_backward_coefficients/shader.wgsl.
 *
 * @module
 */
import { STEP } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { row } from "../include/quantize.ts";
import { float64 } from "../include/int64.ts";
import { coefficientIndex } from "../norm_coefficients/reference.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface NormBackwardCoefficients {
  readonly INT8: number;
  readonly CHANNELS: number;
  readonly PIXELS: number;
  readonly CHUNKS: number;
  readonly DA_ROW: number;
  readonly Y_ROW: number;
  readonly ACCUMULATE: number;
  readonly NONFINITE: number;
}

/**
 * dgamma, dbeta, and the coefficients c1 and c2 of the gradient of Y. f32 sums of chunks join in
 * float64, chunks ascending; dgamma and dbeta are rounded to f32 at the end.
 */
export function normBackwardCoefficients(
  c: NormBackwardCoefficients,
  b: Buffers<"sums" | "total" | "coefficients" | "gradient">,
): void {
  const fround = Math.fround, n = fround(c.PIXELS), k = b.coefficients.f32;
  const scale = row(b.quantizers, c.DA_ROW).scale, scaleY = row(b.quantizers, c.Y_ROW).scale;
  for (let channel = 0; channel < c.CHANNELS; channel++) {
    const inverse = k[coefficientIndex(channel, 5)]!, a = k[coefficientIndex(channel, 0)]!;
    let dbeta: number, dgamma: number;
    if (c.INT8) {
      let first = 0n, second = 0n;
      for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
        const at = 2 * (chunk * c.CHANNELS + channel);
        first += BigInt(b.sums.i32[at]!);
        second += BigInt(b.sums.i32[at + 1]!);
      }
      const bracket = BigInt(c.PIXELS) * second - BigInt(b.total.i32[channel]!) * first;
      dbeta = fround(float64(first) * scale);
      dgamma = fround(
        fround(fround(fround(float64(bracket) / n) * scale) * scaleY) * inverse,
      );
    } else {
      let first = 0, second = 0;
      for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
        const at = 2 * (chunk * c.CHANNELS + channel);
        first += b.sums.f32[at]!;
        second += b.sums.f32[at + 1]!;
      }
      dbeta = fround(first);
      dgamma = fround(second * inverse);
    }
    k[coefficientIndex(channel, 3)] = fround(fround(-a * fround(dgamma / n)) * inverse);
    k[coefficientIndex(channel, 4)] = fround(-a * fround(dbeta / n));
    const adds = c.ACCUMULATE && STEP.get(b.step, 0, "first") > 0, gradient = b.gradient.f32;
    gradient[channel] = adds ? fround(gradient[channel]! + dgamma) : dgamma;
    const at = c.CHANNELS + channel;
    gradient[at] = adds ? fround(gradient[at]! + dbeta) : dbeta;
    const finite = Number.isFinite(gradient[channel]) && Number.isFinite(gradient[at]);
    if (!finite) b.statistics.u32[c.NONFINITE]!++;
  }
}
