/**
 * Reference of kernels/reduce_weight_gradient/shader.wgsl.
 *
 * @module
 */
import { STEP } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ReduceWeightGradient {
  readonly INT8: number;
  readonly BIAS: number;
  readonly OQ: number;
  readonly FIRST: number;
  readonly IQ: number;
  readonly TAPS: number;
  readonly PIXELS: number;
  readonly CHUNKS: number;
  readonly CHUNK: number;
  readonly X_ROW: number;
  readonly DY_ROW: number;
  readonly ACCUMULATE: number;
  readonly NONFINITE: number;
  readonly BIAS_NONFINITE: number;
}

/** dW (and db) from the chunks of conv_backward_weight, added in f32 in their order. */
export function reduceWeightGradient(
  c: ReduceWeightGradient,
  b: Buffers<"partial" | "x_total" | "dy_total" | "gradient" | "bias_gradient">,
): void {
  const fround = Math.fround;
  const inputs = 4 * c.IQ, outputs = 4 * c.OQ, row_ = c.TAPS * inputs;
  const adds = c.ACCUMULATE && STEP.get(b.step, 0, "first") > 0;
  const zx = row(b.quantizers, c.X_ROW), zdy = row(b.quantizers, c.DY_ROW);
  const unit = fround(zx.scale * zdy.scale);
  const pixels = (chunk: number) => Math.min(c.CHUNK, c.PIXELS - chunk * c.CHUNK);
  for (let at = 0; at < outputs * row_; at++) {
    const o = Math.floor(at / row_);
    let sum = 0;
    for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
      const from = chunk * outputs * row_ + at;
      sum = fround(
        sum + (c.INT8
          ? fround(
            b.partial.i32[from]! - zx.zero * b.dy_total.i32[chunk * outputs + o]! -
              zdy.zero * b.x_total.i32[chunk * row_ + at % row_]! +
              pixels(chunk) * zx.zero * zdy.zero,
          )
          : b.partial.f32[from]!),
      );
    }
    if (c.INT8) sum = fround(sum * unit);
    b.gradient.f32[at] = adds ? fround(sum + b.gradient.f32[at]!) : sum;
  }
  b.statistics.u32[c.NONFINITE]! += vectorsNotFinite(b.gradient.f32.subarray(0, outputs * row_));
  if (!c.BIAS) return;
  for (let o = 0; o < outputs; o++) {
    let sum = 0;
    for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
      const at = chunk * outputs + o;
      sum = fround(
        sum +
          (c.INT8 ? fround(b.dy_total.i32[at]! - pixels(chunk) * zdy.zero) : b.dy_total.f32[at]!),
      );
    }
    if (c.INT8) sum = fround(sum * zdy.scale);
    const at = 4 * c.FIRST + o;
    b.bias_gradient.f32[at] = adds ? fround(sum + b.bias_gradient.f32[at]!) : sum;
  }
  const made = b.bias_gradient.f32.subarray(4 * c.FIRST, 4 * c.FIRST + outputs);
  b.statistics.u32[c.BIAS_NONFINITE]! += vectorsNotFinite(made);
}

/** Returns the number of vectors of four that contain a non-finite value, as kernels count them. */
export function vectorsNotFinite(values: Float32Array): number {
  let vectors = 0;
  for (let at = 0; at < values.length; at += 4) {
    const [a, b, c, d] = [values[at]!, values[at + 1]!, values[at + 2]!, values[at + 3]!];
    // A difference with itself is 0, or NaN where a value is not finite.
    if ((a - a) + (b - b) + (c - c) + (d - d) !== 0) vectors++;
  }
  return vectors;
}
