/**
 * Reference of kernels/norm_frozen.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "./include/host_buffer.ts";
import { coefficientIndex } from "./norm_coefficients.ts";

/** Constants of the kernel; its header says what they are. */
export interface NormFrozen {
  readonly CHANNELS: number;
  readonly EPSILON: number;
}

/** Batch norm's coefficients from its running statistics. */
export function normFrozen(
  c: NormFrozen,
  b: Readonly<Record<"affine" | "running" | "coefficients", HostBuffer>>,
): void {
  const fround = Math.fround;
  for (let channel = 0; channel < c.CHANNELS; channel++) {
    const variance = b.running.f32[c.CHANNELS + channel]!;
    const inverse = fround(1 / fround(Math.sqrt(fround(variance + fround(c.EPSILON)))));
    const to = b.coefficients.f32;
    to[coefficientIndex(channel, 0)] = fround(b.affine.f32[channel]! * inverse);
    to[coefficientIndex(channel, 1)] = b.running.f32[channel]!;
    to[coefficientIndex(channel, 2)] = b.affine.f32[c.CHANNELS + channel]!;
  }
}
