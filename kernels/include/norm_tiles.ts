/**
 * How the kernels of batch norm are cut: threads of a GPU, parts and memory on the CPU.
 *
 * @module
 */
import { lineBytes, partsOf, wideOf } from "../define_kernel.ts";

/**
 * Returns the number of threads that add the parts of a channel. With always 64, the many small norms of
 * mobilenet-v2 took 7% of a step.
 */
function lanesFor(parts: number): number {
  return parts <= 8 ? 1 : parts <= 64 ? 8 : 64;
}

/**
 * Returns the tile of the coefficients: LANES threads of each of COLUMNS channels. A GPU's workgroup has
 * neighbouring channels, whose parts lie side by side.
 */
export function coefficientTile(parts: number, software: boolean) {
  const LANES = lanesFor(parts), THREADS = software ? 64 : 256;
  return { LANES, COLUMNS: THREADS / LANES, THREADS };
}

/**
 * Returns the tile of sums over chunks of pixels: of wides of V quads, COLUMNS to a workgroup, each by LANES
 * threads. A thread of a GPU has a quad, as the coefficients of more fill its registers; where the sums are
 * of integers, eight threads share a chunk, because chunks are too few to fill it.
 */
export function sumTile(int8: number, quads: number, software: boolean) {
  const V = software && int8 ? wideOf(quads) : 1, CW = quads / V;
  const COLUMNS = !software && int8 ? 32 : 64, LANES = !software && int8 ? 8 : 1;
  return { V, CW, COLUMNS, LANES, THREADS: COLUMNS * LANES, JOINED: 8 * V * COLUMNS };
}

/** Returns the pixels whose quads fill vectors of four: norm.simd.ts takes 16 codes at a time. */
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
