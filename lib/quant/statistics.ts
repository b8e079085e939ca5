/**
 * The statistics buffer: for every quantizer a row of 16 slots of four words: the largest key of
 * −x, the largest key of x, values clipped, values not finite. Zero is the identity of all four,
 * so clearing the buffer resets it. A slot holds the tiles whose index is the same modulo 16.
 *
 * @module
 */

/** Slots in a row. */
export const SLOTS = 16;
/** Words in a slot. */
export const WORDS_OF_ROW = 4;
/** Bytes in a row. */
export const ROW_BYTES = SLOTS * WORDS_OF_ROW * 4;

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** A u32 that orders as the f32 does; −0 counts as +0. */
export function orderedBits(x: number): number {
  float[0] = x === 0 ? 0 : x;
  return word[0]! >>> 31 ? ~word[0]! >>> 0 : (word[0]! | 0x80000000) >>> 0;
}

/** The f32 of a key. */
export function fromOrderedBits(k: number): number {
  word[0] = k >>> 31 ? k & 0x7fffffff : ~k;
  return float[0]!;
}

/** What one step saw of one tensor. */
export interface Statistic {
  /** Smallest value before rounding and clamping; `undefined` when nothing was seen. */
  readonly min: number | undefined;
  /** Largest value, likewise. */
  readonly max: number | undefined;
  /** Values outside the range. */
  readonly clipped: number;
  /** NaN and infinite values. */
  readonly notFinite: number;
}

/** Joins the slots of row `row` of the buffer. */
export function statistic(buffer: Uint32Array, row: number): Statistic {
  let low = 0, high = 0, clipped = 0, notFinite = 0;
  const first = row * SLOTS * WORDS_OF_ROW;
  for (let at = first; at < first + SLOTS * WORDS_OF_ROW; at += WORDS_OF_ROW) {
    low = Math.max(low, buffer[at]!);
    high = Math.max(high, buffer[at + 1]!);
    clipped += buffer[at + 2]!;
    notFinite += buffer[at + 3]!;
  }
  return {
    min: low === 0 ? undefined : fromOrderedBits(~low >>> 0),
    max: high === 0 ? undefined : fromOrderedBits(high),
    clipped,
    notFinite,
  };
}
