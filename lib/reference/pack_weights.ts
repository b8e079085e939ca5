/**
 * Reference of kernels/pack_weights.wgsl.
 *
 * @module
 */
import { roundHalfEven } from "../quant/range.ts";
import type { Buffers } from "./include/host_buffer.ts";
import { row } from "./include/quantize.ts";

/** Constants of the kernel; its header says what they are. */
export interface PackWeights {
  readonly INT8: number;
  readonly BACKWARD: number;
  readonly OQ: number;
  readonly IQ: number;
  readonly TAPS: number;
  readonly W_ROW: number;
}

/** Codes of the master weights in the orders of the forward and of the backward pass. */
export function packWeights(
  c: PackWeights,
  b: Buffers<"weight" | "forward" | "backward">,
): void {
  const inputs = 4 * c.IQ, outputs = 4 * c.OQ;
  const z = row(b.quantizers, c.W_ROW);
  for (let o = 0, at = 0; o < outputs; o++) {
    for (let tap = 0; tap < c.TAPS; tap++) {
      for (let i = 0; i < inputs; i++, at++) {
        const w = b.weight.f32[at]!, to = (i * c.TAPS + tap) * outputs + o;
        if (!c.INT8) {
          b.backward.f32[to] = w;
          continue;
        }
        const code = roundHalfEven(Math.fround(w * z.inverse));
        const clamped = Math.min(Math.max(code, z.low), z.high);
        b.forward.i8[at] = clamped;
        if (c.BACKWARD) b.backward.i8[to] = clamped;
      }
    }
  }
}
