/**
 * Work that is repeated, but takes no more than its share of a core.
 *
 * @module
 */

/**
 * Work rests for so many times the time that it took: it takes 1% of a core. The ranges of 150 quantizers over
 * 10,000 steps take 120 ms, so they come every 12 seconds; curves take 5 ms and come every second.
 */
const REST = 99;

/** Keeps the result of work until it may be done again. */
export class Rested<T> {
  #result: { readonly of: unknown; readonly value: T } | undefined;
  #next = -Infinity;

  /**
   * The result, which may be of an earlier time while the work rests.
   *
   * @param of what it is made of: for the same value nothing is done
   * @param atOnce whether it must not be old
   */
  async get(of: unknown, work: () => T | Promise<T>, atOnce = false): Promise<T> {
    const began = performance.now(), known = this.#result;
    if (known && (known.of === of || (began < this.#next && !atOnce))) return known.value;
    const value = await work();
    this.#result = { of, value };
    this.#next = performance.now() + REST * (performance.now() - began);
    return value;
  }
}
