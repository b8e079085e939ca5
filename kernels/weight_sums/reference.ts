/**
 * Reference of kernels/weight_sums/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { packedIndex } from "../include/packed_index.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface WeightSums {
  readonly BACKWARD: number;
  readonly OQ: number;
  readonly IQ: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
}

/** Sums of weight codes, per output and per (phase, input). */
export function weightSums(
  c: WeightSums,
  b: Buffers<"forward" | "forward_sum" | "backward" | "backward_sum">,
): void {
  const inputs = 4 * c.IQ, outputs = 4 * c.OQ;
  b.forward_sum.i32.fill(0);
  if (c.BACKWARD) b.backward_sum.i32.fill(0);
  const indexOf = packedIndex(c.IQ, c.OQ);
  for (let o = 0; o < outputs; o++) {
    for (let ky = 0; ky < c.KH; ky++) {
      for (let kx = 0; kx < c.KW; kx++) {
        for (let i = 0; i < inputs; i++) {
          const code = b.forward.i8[indexOf(ky * c.KW + kx, i, o)]!;
          b.forward_sum.i32[o]! += code;
          if (!c.BACKWARD) continue;
          for (let phase = 0; phase < c.SH * c.SW; phase++) {
            const py = Math.floor(phase / c.SW), px = phase % c.SW;
            if ((py + c.PH - ky) % c.SH !== 0 || (px + c.PW - kx) % c.SW !== 0) continue;
            b.backward_sum.i32[phase * inputs + i]! += code;
          }
        }
      }
    }
  }
}
