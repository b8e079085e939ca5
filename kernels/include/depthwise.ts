/**
 * What kernels/include/depthwise.wgsl computes.
 *
 * @module
 */
import type { HostBuffer } from "./host_buffer.ts";

/** Values of a tensor by padded index, in the units of its quantizer: codes less their zero point. */
export function zeroCentred(
  int8: number,
  tensor: HostBuffer,
  zero: number,
): (index: number) => number {
  return int8 ? (index) => tensor.i8[index]! - zero : (index) => tensor.f32[index]!;
}
