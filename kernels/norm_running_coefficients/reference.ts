/**
 * Reference of kernels/norm_running_coefficients/shader.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "../include/host_buffer.ts";
import { coefficientIndex } from "../norm_coefficients/reference.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface NormRunningCoefficients {
  readonly CHANNELS: number;
  readonly EPSILON: number;
}

/** Batch norm's coefficients from its running statistics. */
export function normRunningCoefficients(
  c: NormRunningCoefficients,
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
