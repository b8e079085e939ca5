/**
 * Reference of kernels/reduce_depthwise_weight_gradient/shader.wgsl.
 *
 * @module
 */
import { STEP } from "../../lib/quant/layouts.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { vectorsNotFinite } from "../conv_backward_weight/reference.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ReduceDepthwiseWeightGradient {
  readonly INT8: number;
  readonly BIAS: number;
  readonly CQ: number;
  readonly TAPS: number;
  readonly CHUNKS: number;
  readonly X_ROW: number;
  readonly DY_ROW: number;
  readonly ACCUMULATE: number;
  readonly NONFINITE: number;
  readonly BIAS_NONFINITE: number;
}

/** dW (and db) from the chunks of depthwise_backward_weight, added in f32 in their order. */
export function reduceDepthwiseWeightGradient(
  c: ReduceDepthwiseWeightGradient,
  b: Buffers<"partial" | "dy_total" | "gradient" | "bias_gradient">,
): void {
  const fround = Math.fround, channels = 4 * c.CQ;
  const adds = c.ACCUMULATE && STEP.get(b.step, 0, "first") > 0;
  const sx = row(b.quantizers, c.X_ROW).scale, sdy = row(b.quantizers, c.DY_ROW).scale;
  const join = (parts: HostBuffer, to: HostBuffer, size: number, unit: number, alarm: number) => {
    for (let at = 0; at < size; at++) {
      let sum = 0;
      for (let chunk = 0; chunk < c.CHUNKS; chunk++) {
        const from = chunk * size + at;
        sum = fround(sum + (c.INT8 ? fround(parts.i32[from]!) : parts.f32[from]!));
      }
      if (c.INT8) sum = fround(sum * unit);
      to.f32[at] = adds ? fround(sum + to.f32[at]!) : sum;
    }
    b.statistics.u32[alarm]! += vectorsNotFinite(to.f32.subarray(0, size));
  };
  join(b.partial, b.gradient, c.TAPS * channels, fround(sx * sdy), c.NONFINITE);
  if (c.BIAS) join(b.dy_total, b.bias_gradient, channels, sdy, c.BIAS_NONFINITE);
}
