/**
 * Values that ranks combine in slices: a rank gets its slice of what each rank has, combines them, and gives
 * the result to all. So what a rank sends hardly grows with their number.
 *
 * @module
 */
import type { Ranks, SharedBytes } from "../../distributed/ranks.ts";

/** What is combined in one exchange. */
export interface Sliced {
  /** Where what each rank sends is to be written. */
  readonly received: readonly SharedBytes[];
  /** What this rank sends to each. */
  parts(): readonly SharedBytes[];
  /** Combines what was received. */
  combine(): void;
  /** The slices of the result, of which this rank's is complete; undefined: it does not go to all yet. */
  result(): readonly SharedBytes[] | undefined;
}

/** Several such exchanges at once. All ranks begin them in the same order. */
export class SliceExchanges {
  readonly #ranks: Ranks;
  /** When the latest exchange's parts have been given to the ranks, and its result. */
  #sent: Promise<unknown> = Promise.resolve();
  #spread: Promise<unknown> = Promise.resolve();
  /** Results under way to all ranks. */
  readonly #spreading: Promise<void>[] = [];

  constructor(ranks: Ranks) {
    this.#ranks = ranks;
  }

  /**
   * Begins an exchange when `ready` gives it and those before it have begun.
   *
   * @returns when this rank's slice is combined
   */
  begin(ready: () => Promise<Sliced>): Promise<unknown> {
    const before = this.#sent;
    const sent = this.#sent = heard((async () => {
      await before;
      const sliced = await ready();
      return { sliced, received: this.#ranks.allToAll(sliced.parts(), sliced.received) };
    })());
    const combined = heard(sent.then(async ({ sliced, received }) => {
      await received;
      sliced.combine();
      return sliced;
    }));
    this.#spread = heard(
      Promise.all([combined, this.#spread]).then(([sliced]) => {
        const result = sliced.result();
        if (result) this.#spreading.push(heard(this.#ranks.allGather(result)));
      }),
    );
    return combined;
  }

  /** Waits until all results are received. */
  async finish(): Promise<void> {
    await this.#spread;
    await Promise.all(this.#spreading.splice(0));
  }
}

/** The promise itself: who waits for the results gets its error. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
