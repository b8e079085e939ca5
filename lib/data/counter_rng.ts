/**
 * Random numbers without state: a draw is a hash of a key and a counter. The same key and counter
 * give the same number on every platform and in any order, so a resumed run needs no generator
 * state. Integer operations only. Not for secrets.
 *
 * @module
 */

/** Purposes of keys; different purposes never share random numbers. */
export const PURPOSE = {
  glyphs: 0x676c7966,
  order: 0x6f726472,
  holdout: 0x686f6c64,
  augment: 0x6175676d,
} as const;

const GOLDEN = 0x9e3779b9; // 2^32 / golden ratio, odd: steps of it visit every u32

/**
 * A bijection of u32 in which every input bit reaches every output bit. Multipliers: the pair of
 * least bias in the public search "hash prospector" (C. Wellons).
 */
export function mix(word: number): number {
  let h = word | 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x21f0aaad);
  h ^= h >>> 15;
  h = Math.imul(h, 0x735a2d97);
  h ^= h >>> 15;
  return h >>> 0;
}

/**
 * Folds words into one u32 key. Keys that differ only in the last word differ, as {@link mix} is a
 * bijection. All bits of a whole number up to 2^53 count.
 */
export function key(...words: number[]): number {
  let h = GOLDEN;
  for (const word of words) {
    const high = Math.floor(word / 2 ** 32);
    if (high !== 0) h = mix(Math.imul(h, GOLDEN) ^ high);
    h = mix((h + GOLDEN) ^ word);
  }
  return h;
}

/** The u32 number `counter` of the stream `key`. */
export function draw(key: number, counter: number): number {
  // The inner mix keeps the streams of two keys from being shifts of one another.
  return mix(key ^ mix((counter + GOLDEN) | 0)); // As an integer: twice as fast as beyond 2^31.
}

/** A whole number from 0 to `below` − 1, made from a u32 draw; `below` at most 2^32. */
export function scaleTo(word: number, below: number): number {
  // In doubles, word · below / 2^32 ≤ below − below / 2^32, which does not round up to `below`.
  return Math.floor((word * below) / 2 ** 32);
}
