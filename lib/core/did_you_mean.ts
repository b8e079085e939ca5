/**
 * Suggests the word that a person most likely meant.
 *
 * @module
 */

/** Returns how many letters are wrong, missing, extra or swapped with a neighbour between `a` and `b`. */
export function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let old = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(old[j]! + 1, row[j - 1]! + 1, old[j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, older[j - 2]! + 1);
      }
      row.push(best);
    }
    older = old;
    old = row;
  }
  return old[b.length]!;
}

/**
 * Returns the word nearest to `typed`, or `undefined` if none is within one edit in three letters.
 * Case and the choice of `-` or `_` do not count; of equals the first is returned.
 */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  const plain = (word: string): string => word.toLowerCase().replaceAll("-", "_");
  if (typed.length > 64) return undefined;
  let best: string | undefined;
  let least = Infinity;
  for (const word of words) {
    const distance = editDistance(plain(typed), plain(word));
    const allowed = Math.max(1, Math.floor(Math.max(typed.length, word.length) / 3));
    if (distance <= allowed && distance < least && distance < word.length) {
      best = word;
      least = distance;
    }
  }
  return best;
}
