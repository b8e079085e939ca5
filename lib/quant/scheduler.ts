/**
 * The host's scheduler: reads what a step saw and sets the ranges of the next.
 *
 * @module
 */
import { QUANTIZER_BYTES, type QuantizerSpec } from "../program.ts";
import type { Estimator } from "./estimator.ts";
import { quantizerOf, type Range } from "./range.ts";
import { type Statistic, statistic } from "./statistics.ts";

/** One quantizer after a step. */
export interface Observation extends Statistic {
  /** Whose it is. */
  readonly quantizer: QuantizerSpec;
  /** The range that was in force. */
  readonly range: Range | undefined;
}

/** Holds the range of every quantizer that the host sets. */
export class Scheduler {
  readonly #ranges: (Range | undefined)[];
  readonly #table: Float32Array<ArrayBuffer>;

  /**
   * @param quantizers the program's, in the order of their rows
   * @param first the first row that the host sets; those before it are the weights'
   * @param estimators the rule of each row
   */
  constructor(
    readonly quantizers: readonly QuantizerSpec[],
    readonly first: number,
    readonly estimators: readonly Estimator[],
  ) {
    this.#ranges = quantizers.map((q) => q.fixed);
    this.#table = new Float32Array((quantizers.length - first) * QUANTIZER_BYTES / 4);
  }

  /** The range of a row; `undefined` while there is none. */
  range(row: number): Range | undefined {
    return this.#ranges[row];
  }

  /** Sets a row's range (calibration, a checkpoint). */
  setRange(row: number, range: Range | undefined): void {
    if (this.quantizers[row]!.fixed === undefined) this.#ranges[row] = range;
  }

  /** The rows of the table that the host sets, from {@link first} on. */
  table(): Float32Array<ArrayBuffer> {
    for (let row = this.first; row < this.quantizers.length; row++) {
      const { bits, symmetric } = this.quantizers[row]!;
      const q = quantizerOf(this.#ranges[row], bits, symmetric);
      const at = (row - this.first) * QUANTIZER_BYTES / 4;
      this.#table.set([q.scale, q.inverse, q.zeroPoint, q.qmin, q.qmax], at);
    }
    return this.#table;
  }

  /** What the statistics buffer says of each row, beside the range in force. */
  read(statistics: Uint32Array): Observation[] {
    return this.quantizers.map((quantizer, row) => ({
      quantizer,
      range: this.#ranges[row],
      ...statistic(statistics, row),
    }));
  }

  /** Lets each estimator set the next range. A statistic of nothing but zeros, or one that is not finite, changes nothing. */
  observe(observations: readonly Observation[]): void {
    for (let row = this.first; row < this.quantizers.length; row++) {
      const seen = finite(observations[row]!);
      if (seen && this.quantizers[row]!.fixed === undefined) {
        this.#ranges[row] = this.estimators[row]!.next(this.#ranges[row], seen);
      }
    }
  }
}

/** The extremes of a statistic that may set a range. */
export function finite(seen: Statistic): Range | undefined {
  const { min, max, notFinite } = seen;
  if (min === undefined || max === undefined || notFinite > 0) return undefined;
  if (min === 0 && max === 0) return undefined;
  return { low: min, high: max };
}
