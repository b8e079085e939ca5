/**
 * Reference of kernels/include/norm.wgsl: the affine map of batch norm, and the activation after it.
 *
 * @module
 */
import { coefficientIndex } from "../norm_coefficients/reference.ts";
import type { HostBuffer } from "./host_buffer.ts";

const fround = Math.fround;

/** Returns a·(y − mean) + beta of one channel. */
export function normalized(coefficients: HostBuffer, y: number, channel: number): number {
  const at = coefficientIndex(channel, 0), k = coefficients.f32;
  return fround(fround(k[at]! * fround(y - k[at + 4]!)) + k[at + 8]!);
}

/**
 * Applies the activation `act`: 0 none, 1 ReLU, 2 ReLU6. Written in comparisons, so that NaN and −0
 * stay, as in f32x4.pmax and pmin; WGSL leaves both open.
 */
export function activate(act: number, v: number): number {
  if (act === 0) return v;
  return v < 0 ? 0 : act === 2 && v > 6 ? 6 : v;
}

/** Returns whether the activation passes a gradient on; `v` is the value before clipping. */
export function activationPasses(act: number, v: number): boolean {
  return act === 0 || (v > 0 && (act === 1 || v < 6));
}

/**
 * Returns the running mean and variance before the step, [2, channels]. norm_coefficients keeps them
 * in the buffer of its coefficients, after the six for each channel.
 */
export function runningBefore(
  coefficients: Float32Array<ArrayBuffer>,
  channels: number,
): Float32Array<ArrayBuffer> {
  return coefficients.slice(6 * channels, 8 * channels);
}
