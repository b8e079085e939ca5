/**
 * Reference of kernels/pack_weights/shader.wgsl.
 *
 * @module
 */
import { roundHalfEven } from "../../lib/quant/range.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { packedIndex } from "../include/packed_index.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface PackWeights {
  readonly INT8: number;
  readonly QUANTIZED: number;
  readonly PER_CHANNEL: number;
  readonly BACKWARD: number;
  readonly OQ: number;
  readonly ALL: number;
  readonly FIRST: number;
  readonly IQ: number;
  readonly TAPS: number;
  readonly W_ROW: number;
}

/** Codes of the master weights in the orders of the forward and of the backward pass. */
export function packWeights(
  c: PackWeights,
  b: Buffers<"weight" | "forward" | "backward" | "channels">,
): void {
  const inputs = 4 * c.IQ, outputs = 4 * c.OQ, all = 4 * c.ALL, first = 4 * c.FIRST;
  const z = row(b.quantizers, c.W_ROW);
  const forwardAt = packedIndex(c.IQ, c.ALL), backwardAt = packedIndex(c.ALL, c.IQ);
  for (let o = 0, at = 0; o < outputs; o++) {
    for (let tap = 0; tap < c.TAPS; tap++) {
      for (let i = 0; i < inputs; i++, at++) {
        const w = b.weight.f32[at]!, to = (i * c.TAPS + tap) * all + first + o;
        if (!c.QUANTIZED) {
          b.backward.f32[to] = w;
          continue;
        }
        const scale = c.PER_CHANNEL ? b.channels.f32[2 * o]! : z.scale;
        const inverse = c.PER_CHANNEL ? b.channels.f32[2 * o + 1]! : z.inverse;
        const code = roundHalfEven(Math.fround(w * inverse));
        const clamped = Math.min(Math.max(code, z.qmin), z.qmax);
        const value = c.INT8 ? clamped : Math.fround(clamped * scale);
        if (c.INT8) {
          b.forward.i8[forwardAt(tap, i, first + o)] = value;
          if (c.BACKWARD) b.backward.i8[backwardAt(tap, first + o, i)] = value;
        } else {
          b.forward.f32[first * c.TAPS * inputs + at] = value;
          if (c.BACKWARD) b.backward.f32[to] = value;
        }
      }
    }
  }
}
