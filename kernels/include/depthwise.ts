/**
 * Reference of kernels/include/depthwise.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "./host_buffer.ts";

/** Returns a tensor's codes minus their zero point, or its f32 values, by padded index. */
export function zeroCentred(
  int8: number,
  tensor: HostBuffer,
  zero: number,
): Int16Array | Float32Array {
  if (!int8) return tensor.f32;
  const codes = tensor.i8, centred = new Int16Array(codes.length);
  for (let at = 0; at < codes.length; at++) centred[at] = codes[at]! - zero;
  return centred;
}
