/**
 * Reference of kernels/include/depthwise.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "./host_buffer.ts";

/** Returns a tensor's codes minus their zero point, by padded index. */
export function zeroCentred(
  int8: number,
  tensor: HostBuffer,
  zero: number,
): (index: number) => number {
  return int8 ? (index) => tensor.i8[index]! - zero : (index) => tensor.f32[index]!;
}
