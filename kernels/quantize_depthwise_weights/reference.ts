/**
 * Reference of kernels/quantize_depthwise_weights/shader.wgsl.
 *
 * @module
 */
import { quantizerOf, roundHalfEven } from "../../lib/quant/range.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface QuantizeDepthwiseWeights {
  readonly INT8: number;
  readonly PER_CHANNEL: number;
  readonly CQ: number;
  readonly TAPS: number;
  readonly W_ROW: number;
}

/** Codes of the master weights, and each channel's scale. */
export function quantizeDepthwiseWeights(
  c: QuantizeDepthwiseWeights,
  b: Buffers<"weight" | "forward" | "scales">,
): void {
  const channels = 4 * c.CQ, z = row(b.quantizers, c.W_ROW);
  const bits = Math.log2(z.qmax + 1) + 1;
  for (let channel = 0; channel < channels; channel++) {
    let { scale, inverse } = z;
    if (c.PER_CHANNEL) {
      let high = 0;
      for (let tap = 0; tap < c.TAPS; tap++) {
        high = Math.max(high, Math.abs(b.weight.f32[tap * channels + channel]!));
      }
      ({ scale, inverse } = quantizerOf({ low: 0, high }, bits, true));
    }
    for (let tap = 0; tap < c.TAPS; tap++) {
      const at = tap * channels + channel;
      const code = roundHalfEven(Math.fround(b.weight.f32[at]! * inverse));
      const clamped = Math.min(Math.max(code, z.qmin), z.qmax);
      if (c.INT8) b.forward.i8[at] = clamped;
      else b.forward.f32[at] = Math.fround(clamped * scale);
    }
    if (c.INT8) b.scales.f32[channel] = scale;
  }
}
