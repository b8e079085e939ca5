/**
 * Functions of two codes, such as their sum in another scale: from a table of all pairs, as rounding
 * each anew takes 10 ns.
 *
 * @module
 */

/** Pairs of codes. */
const PAIRS = 65536;
/** Tables that are kept, of 64 KiB each; ResNet-152 has 50 sums. */
const MAX_TABLES = 64;
/** By key, the one that was used last at the end. */
const tables = new Map<string, Int8Array>();

/**
 * Returns the results for codes, pair by pair.
 *
 * @param key what tells the function from all others
 */
export function mapPairs(
  a: Int8Array,
  b: Int8Array,
  key: string,
  compute: (a: number, b: number) => number,
): Int8Array<ArrayBuffer> {
  const results = new Int8Array(a.length), table = tableOf(key, compute, a.length);
  if (!table) return results.map((_, i) => compute(a[i]!, b[i]!));
  for (let i = 0; i < results.length; i++) {
    results[i] = table[(a[i]! + 128) * 256 + b[i]! + 128]!;
  }
  return results;
}

/** Returns the table of a function; none where a new one would have more pairs than are asked for. */
function tableOf(
  key: string,
  compute: (a: number, b: number) => number,
  count: number,
): Int8Array | undefined {
  let table = tables.get(key);
  if (!table) {
    if (count < PAIRS) return undefined;
    table = new Int8Array(PAIRS);
    for (let i = 0; i < PAIRS; i++) table[i] = compute((i >> 8) - 128, (i & 255) - 128);
  }
  tables.delete(key);
  tables.set(key, table);
  if (tables.size > MAX_TABLES) tables.delete(tables.keys().next().value!);
  return table;
}
