/**
 * Bytes that a layer moves, with static and with dynamic ranges (lib/report/traffic.ts has the model).
 *
 * @module
 */
import type { Tensor } from "../tensor.ts";

/** Bytes of a stored activation or gradient, and of a weight. */
export const CODE_BYTES = 1;
/** Bytes of an accumulator. */
export const ACCUMULATOR_BYTES = 4;

/** Bytes with static and with dynamic ranges. */
export interface StaticDynamicBytes {
  readonly static: number;
  readonly dynamic: number;
}

/** A pass that moves `moved` bytes and writes a quantized tensor of `quantized` elements. */
export function passBytes(moved: number, quantized = 0): StaticDynamicBytes {
  const once = moved + CODE_BYTES * quantized;
  return { static: once, dynamic: once + 2 * ACCUMULATOR_BYTES * quantized };
}

/** Adds up static and dynamic bytes. */
export function sumBytes(parts: readonly StaticDynamicBytes[]): StaticDynamicBytes {
  return {
    static: parts.reduce((n, b) => n + b.static, 0),
    dynamic: parts.reduce((n, b) => n + b.dynamic, 0),
  };
}

/** Values of a tensor for one image. */
export function sizeOf({ h, w, c }: Tensor): number {
  return h * w * c;
}

/** Values of the gradient of a tensor for one image: 0 where it has none. */
export function gradientSize(tensor: Tensor): number {
  return tensor.needsGradient ? sizeOf(tensor) : 0;
}
