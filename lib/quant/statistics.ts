/**
 * The statistics buffer: a row of {@linkcode SLOTS} slots for every quantizer. Each workgroup folds
 * what it observed into a slot of its quantizer's row, so few of them wait for one word.
 *
 * @module
 */
import { SLOT, SLOTS, type Words, wordsOf } from "./layouts.ts";

/** Bytes of a quantizer's row. */
export const ROW_BYTES = SLOTS * SLOT.bytes;

const scratch = wordsOf(new Uint8Array(4));

/** A u32 that orders as the f32 does; −0 counts as +0. */
export function orderedBits(x: number): number {
  scratch.f32[0] = x === 0 ? 0 : x;
  const bits = scratch.u32[0]!;
  return bits >>> 31 ? ~bits >>> 0 : (bits | 0x80000000) >>> 0;
}

/** The f32 of such a u32. */
export function fromOrderedBits(k: number): number {
  scratch.u32[0] = k >>> 31 ? k & 0x7fffffff : ~k;
  return scratch.f32[0]!;
}

/** What one step observed of one tensor. */
export interface Statistics {
  /** Smallest value before rounding and clamping; `undefined` without values. */
  readonly min: number | undefined;
  /** Largest value before rounding and clamping; `undefined` without values. */
  readonly max: number | undefined;
  /** Number of values outside the range in force; 0 for a dynamic estimator, which has none yet. */
  readonly clipped: number;
  /** Number of NaN and infinite values. */
  readonly nonfinite: number;
}

/** Statistics that may set a range: all values finite, not all of them zero. */
export interface UsableStatistics extends Statistics {
  /** The smallest value. */
  readonly min: number;
  /** The largest value. */
  readonly max: number;
  /** Number of values in the tensor. */
  readonly elements: number;
}

const NEGATED_MIN = SLOT.word("negatedMin"), MAX = SLOT.word("max");
const CLIPPED = SLOT.word("clipped"), NONFINITE = SLOT.word("nonfinite");

/** Joins the slots of a row: the largest keys, the sums of the counts. */
export function joinSlots(buffer: Words, row: number): Record<keyof typeof SLOT.fields, number> {
  const { words } = SLOT, { u32 } = buffer, end = (row + 1) * SLOTS * words;
  let negatedMin = 0, max = 0, clipped = 0, nonfinite = 0;
  // Word by word: a network has thousands of slots, which are read in every step.
  for (let at = row * SLOTS * words; at < end; at += words) {
    negatedMin = Math.max(negatedMin, u32[at + NEGATED_MIN]!);
    max = Math.max(max, u32[at + MAX]!);
    clipped += u32[at + CLIPPED]!;
    nonfinite += u32[at + NONFINITE]!;
  }
  return { negatedMin, max, clipped, nonfinite };
}

/** The statistics in row `row` of the buffer. */
export function readStatistics(buffer: Words, row: number): Statistics {
  const { negatedMin, max, ...counts } = joinSlots(buffer, row);
  return {
    min: negatedMin === 0 ? undefined : fromOrderedBits(~negatedMin >>> 0),
    max: max === 0 ? undefined : fromOrderedBits(max),
    ...counts,
  };
}

/** Folds statistics into a slot of row `row`. */
export function recordStatistics(
  buffer: Words,
  row: number,
  { min, max, clipped = 0, nonfinite = 0 }: Partial<Statistics>,
  slot = 0,
): void {
  const at = row * SLOTS + slot, old = SLOT.read(buffer, at);
  SLOT.write(buffer, at, {
    negatedMin: Math.max(old.negatedMin, min === undefined ? 0 : ~orderedBits(min) >>> 0),
    max: Math.max(old.max, max === undefined ? 0 : orderedBits(max)),
    clipped: old.clipped + clipped,
    nonfinite: old.nonfinite + nonfinite,
  });
}

/**
 * The statistics if a range may follow from them, else `undefined`.
 *
 * @param elements values in the tensor
 */
export function usableStatistics(
  { min, max, clipped, nonfinite }: Statistics,
  elements: number,
): UsableStatistics | undefined {
  if (min === undefined || max === undefined || nonfinite > 0) return undefined;
  if (!Number.isFinite(min) || !Number.isFinite(max)) return undefined;
  if (min === 0 && max === 0) return undefined;
  return { min, max, clipped, nonfinite, elements };
}
