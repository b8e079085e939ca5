/**
 * Memory and parts of batch norm's SIMD kernels, which take codes 16 at a time (norm.simd.ts).
 *
 * @module
 */
import { lineBytes, partsOf } from "../define_kernel.ts";

/** Returns the pixels whose quads fill vectors of four quads. */
function periodOf(quads: number): number {
  return quads % 4 === 0 ? 1 : quads % 2 === 0 ? 2 : 4;
}

/** Returns the bytes of a line and of the coefficients of a period's pixels. */
export function normLineBytes(channels: number): number {
  const quads = Math.ceil(channels / 4), period = periodOf(quads);
  return lineBytes(channels) + (period > 1 ? 96 * period * quads : 0);
}

/** Returns the bytes of the intervals of codes that pass a gradient, for the channels of a period's pixels. */
export function intervalsBytes(channels: number): number {
  const quads = Math.ceil(channels / 4);
  return 8 * periodOf(quads) * quads;
}

/** Returns the parts in which these intervals are searched: 4 µs of one thread for 64 quads. */
export function intervalParts(channels: number): readonly number[] {
  return [Math.ceil(channels / 256)];
}

/** Returns the parts of sums over chunks of pixels: of codes by vectors, of f32 by pairs of quads. */
export function sumParts(
  int8: number,
  chunks: number,
  pixels: number,
  quads: number,
): readonly number[] {
  const items = !int8 ? Math.ceil(quads / 2) : periodOf(quads) > 1 ? 1 : quads / 4;
  return partsOf(chunks * items, pixels * 4 * quads / items);
}
