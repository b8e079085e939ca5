/**
 * The smallest and the largest of a list of any length. `Math.max(...list)` passes an argument for
 * each value: the stack overflows at about 120,000 of them.
 *
 * @module
 */

/** The smallest of the values; infinity if there are none. */
export function smallest(values: Iterable<number>): number {
  let least = Infinity;
  for (const value of values) least = Math.min(least, value);
  return least;
}

/** The largest of the values; minus infinity if there are none. */
export function largest(values: Iterable<number>): number {
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  return most;
}
