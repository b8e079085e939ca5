/**
 * Decides for each quantizer whether its range is set on the host or on the device, runs the rules of
 * the host, and mirrors the ranges that the device sets (those of weights, of dynamic estimators and
 * searches; with `scheduler: device` all).
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import type { Estimator } from "./estimator.ts";
import { MAX_MEMORY, RULE, type Words, wordsOf } from "./layouts.ts";
import type { QuantizerSpec } from "./quantizer.ts";
import type { Range } from "./range.ts";
import { RangeTable } from "./range_table.ts";
import { readStatistics, type Statistics, usableStatistics } from "./statistics.ts";

/** One quantizer after a step. */
export interface Observation extends Statistics {
  /** Which one. */
  readonly quantizer: QuantizerSpec;
  /** The range that was in force; for weights, whose statistics an update leaves, the next range. */
  readonly range: Range | undefined;
}

/** State of estimators at some time, by row. */
export type EstimatorState = ReadonlyMap<number, {
  readonly range: Range | undefined;
  readonly memory: Float32Array<ArrayBuffer>;
}>;

/** Settings of a rule on the device. */
const MAX_SETTINGS = 4;

/** Sets the ranges of all quantizers. */
export class Scheduler {
  readonly table: RangeTable;
  /** Contiguous rows that the host sets. */
  readonly #hostSpans: readonly (readonly [first: number, end: number])[];

  /**
   * @param quantizers the program's, in the order of their rows
   * @param estimators the estimator of each row; `undefined` for weights
   * @param device whether the device runs the rules that it knows
   * @throws UsageError for an estimator that keeps too many values or has too many settings
   */
  constructor(
    readonly quantizers: readonly QuantizerSpec[],
    readonly estimators: readonly (Estimator | undefined)[],
    readonly device: boolean,
  ) {
    for (const { memory = 0, device } of estimators.flatMap((e) => e ?? [])) {
      const settings = device?.settings.length ?? 0;
      if (memory <= MAX_MEMORY && settings <= MAX_SETTINGS) continue;
      throw new UsageError(
        `an estimator may keep ${MAX_MEMORY} values and give its rule four settings, got one ` +
          `with ${memory} and ${settings}`,
      );
    }
    this.table = new RangeTable(quantizers, estimators);
    const spans: [number, number][] = [];
    for (const row of quantizers.keys()) {
      if (this.onDevice(row)) continue;
      if (spans.at(-1)?.[1] === row) spans.at(-1)![1]++;
      else spans.push([row, row + 1]);
    }
    this.#hostSpans = spans;
  }

  /** Whether a row's range changes on the device. */
  onDevice(row: number): boolean {
    const estimator = this.estimators[row];
    if (!estimator || estimator.search) return true;
    return estimator.device !== undefined && (this.device || estimator.kind === "dynamic");
  }

  /** The rows of the table that the host sets, as they must be on the device before the next step. */
  hostRows(): ReturnType<RangeTable["encode"]>[] {
    return this.#hostSpans.map(([first, end]) => this.table.encode(first, end));
  }

  /** The buffer `rules`: the rules of the rows that the device sets, for kernels/update_ranges. */
  rules(): Float32Array<ArrayBuffer> {
    const rules = new Float32Array(this.quantizers.length * RULE.words), words = wordsOf(rules);
    for (const [row, { symmetric, dynamic, elements }] of this.quantizers.entries()) {
      const known = this.onDevice(row) ? this.estimators[row]?.device : undefined;
      const [setting0 = 0, setting1 = 0, setting2 = 0, setting3 = 0] = known?.settings ?? [];
      RULE.write(words, row, {
        rule: known?.rule ?? 0,
        symmetric: symmetric ? 1 : 0,
        dynamic: dynamic ? 1 : 0,
        elements,
        setting0,
        setting1,
        setting2,
        setting3,
      });
    }
    return rules;
  }

  /**
   * Takes the ranges, and where given the memory, of the rows that the device sets.
   *
   * @param all also of the other rows, which a calibration has set
   */
  mirrorFromDevice(table: Words, memory?: Float32Array, all = false): void {
    for (const row of this.quantizers.keys()) {
      if (all || this.onDevice(row)) this.table.decode(row, table, memory);
    }
  }

  /** The statistics of each row with its quantizer and the range that was in force. */
  observations(
    statistics: Words,
    ranges: readonly (Range | undefined)[] = this.table.ranges(),
  ): Observation[] {
    return this.quantizers.map((quantizer, row) => ({
      quantizer,
      range: ranges[row],
      ...readStatistics(statistics, row),
    }));
  }

  /** Runs the host's static estimators on the statistics of a step. */
  updateRanges(observations: readonly Observation[]): void {
    for (const row of this.quantizers.keys()) {
      if (!this.onDevice(row) && this.estimators[row]!.kind === "static") {
        this.updateRange(row, observations[row]!);
      }
    }
  }

  /** Runs the estimator of a row. The range stays where the statistics or the rule's result are unusable. */
  updateRange(row: number, statistics: Statistics): void {
    const estimator = this.estimators[row], { elements } = this.quantizers[row]!;
    const seen = usableStatistics(statistics, elements);
    if (!seen || !estimator || estimator.initial) return;
    const next = estimator.next(this.table.range(row), seen, this.table.memory(row));
    // An estimator of one's own may compute in float64, or fail.
    const low = Math.fround(next.low), high = Math.fround(next.high);
    if (Number.isFinite(low) && Number.isFinite(high)) this.table.setRange(row, { low, high });
  }

  /** The state of the host's dynamic estimators: all that a step changes before its end. */
  snapshot(): EstimatorState {
    const rows = [...this.quantizers.keys()].filter((row) =>
      !this.onDevice(row) && this.estimators[row]!.kind === "dynamic"
    );
    return new Map(rows.map((row) => [
      row,
      { range: this.table.range(row), memory: this.table.memory(row).slice() },
    ]));
  }

  /** Goes back to a {@link snapshot}. */
  restore(state: EstimatorState): void {
    for (const [row, { range, memory }] of state) {
      this.table.setRange(row, range);
      this.table.memory(row).set(memory);
    }
  }
}
