/**
 * Reference of kernels/norm_backward_sums/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { activationPasses, normalized } from "../include/norm.ts";
import { reader, row } from "../include/quantize.ts";
import { coefficientIndex } from "../norm_coefficients/reference.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface NormBackwardSums {
  readonly INT8: number;
  readonly CQ: number;
  readonly PIXELS: number;
  readonly CHUNKS: number;
  readonly CHUNK: number;
  readonly ACT: number;
  readonly DA_ROW: number;
  readonly Y_ROW: number;
}

/** Two sums per chunk and channel; of f32 values in float64, pixels ascending. */
export function normBackwardSums(
  c: NormBackwardSums,
  b: Buffers<"da" | "y" | "coefficients" | "sums">,
): void {
  const channels = 4 * c.CQ;
  const zda = row(b.quantizers, c.DA_ROW), zy = row(b.quantizers, c.Y_ROW);
  const y = reader(c.INT8, b.y, zy);
  for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
    const last = Math.min((chunk + 1) * c.CHUNK, c.PIXELS);
    for (let channel = 0; channel < channels; channel++) {
      const mean = b.coefficients.f32[coefficientIndex(channel, 1)]!;
      let first = 0, second = 0;
      for (let p = chunk * c.CHUNK; p < last; p++) {
        const at = p * channels + channel;
        if (!activationPasses(c.ACT, normalized(b.coefficients, y(at), channel))) continue;
        const g = c.INT8 ? b.da.i8[at]! - zda.zero : b.da.f32[at]!;
        first += g;
        second += g * (c.INT8 ? b.y.i8[at]! - zy.zero : Math.fround(y(at) - mean));
      }
      const to = 2 * (chunk * channels + channel);
      const sums = c.INT8 ? b.sums.i32 : b.sums.f32;
      sums[to] = first;
      sums[to + 1] = second;
    }
  }
}
