/**
 * Holds every quantizer's range and turns what steps saw into the next ones. Rows whose range the
 * device sets (weights, dynamic estimators, searches; with `scheduler: device` all) are mirrored here.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { MAX_MEMORY, QUANTIZER, RULE, type Words, wordsOf } from "./layouts.ts";
import type { QuantizerSpec } from "./quantizer.ts";
import type { Estimator } from "./estimator.ts";
import { quantizerOf, type Range } from "./range.ts";
import { readStatistics, type Statistics, usableStatistics } from "./statistics.ts";

/** One quantizer after a step. */
export interface Observation extends Statistics {
  /** Whose it is. */
  readonly quantizer: QuantizerSpec;
  /** The range that was in force; of weights, whose statistics an update leaves, the next one. */
  readonly range: Range | undefined;
}

/** A part of the table of quantizers or of the estimators' memory, to be written on the device. */
export interface Write {
  /** Bytes from the start of the buffer. */
  readonly offset: number;
  readonly data: Float32Array<ArrayBuffer>;
}

/** What estimators knew at some time, by the row. */
export type EstimatorState = ReadonlyMap<number, {
  readonly range: Range | undefined;
  readonly memory: Float32Array<ArrayBuffer>;
}>;

/** Ranges of all quantizers. */
export class Scheduler {
  readonly #ranges: (Range | undefined)[];
  readonly #table: Float32Array<ArrayBuffer>;
  readonly #words: Words;
  readonly #memory: Float32Array<ArrayBuffer>;
  /** Contiguous rows that the host sets. */
  readonly #spans: readonly (readonly [first: number, end: number])[];

  /**
   * @param quantizers the program's, in the order of their rows
   * @param estimators the rule of each row; `undefined` for weights
   * @param device whether the device runs the rules that it knows
   */
  constructor(
    readonly quantizers: readonly QuantizerSpec[],
    readonly estimators: readonly (Estimator | undefined)[],
    readonly device: boolean,
  ) {
    for (const e of estimators) {
      if ((e?.memory ?? 0) > MAX_MEMORY || (e?.device?.settings.length ?? 0) > 4) {
        throw new UsageError(
          `an estimator may keep ${MAX_MEMORY} values and give its rule four settings, got one ` +
            `with ${e!.memory ?? 0} and ${e!.device?.settings.length ?? 0}`,
        );
      }
    }
    this.#ranges = estimators.map((e) => e?.initial);
    this.#table = new Float32Array(quantizers.length * QUANTIZER.words);
    this.#words = wordsOf(this.#table);
    this.#memory = new Float32Array(quantizers.length * MAX_MEMORY);
    const spans: [number, number][] = [];
    for (const row of quantizers.keys()) {
      if (this.onDevice(row)) continue;
      if (spans.at(-1)?.[1] === row) spans.at(-1)![1]++;
      else spans.push([row, row + 1]);
    }
    this.#spans = spans;
  }

  /** Whether a row's range changes on the device. */
  onDevice(row: number): boolean {
    const estimator = this.estimators[row];
    if (!estimator) return true;
    if (estimator.search) return true;
    return estimator.device !== undefined && (this.device || estimator.kind === "dynamic");
  }

  /** The range of a row; `undefined` while there is none. */
  range(row: number): Range | undefined {
    return this.#ranges[row];
  }

  /** The ranges of all rows, as they are now. */
  ranges(): readonly (Range | undefined)[] {
    return [...this.#ranges];
  }

  /** Sets a row's range (calibration, a checkpoint), unless its estimator says what it is. */
  setRange(row: number, range: Range | undefined): void {
    if (!this.estimators[row]?.initial) this.#ranges[row] = range;
  }

  /** What a row's estimator keeps; empty for most. */
  memory(row: number): Float32Array<ArrayBuffer> {
    const at = row * MAX_MEMORY;
    return this.#memory.subarray(at, at + (this.estimators[row]?.memory ?? 0));
  }

  /** What kernels/update_ranges/shader.wgsl goes by: the rules of the rows that the device sets. */
  rules(): Float32Array<ArrayBuffer> {
    const rules = new Float32Array(this.quantizers.length * RULE.words), memory = wordsOf(rules);
    this.quantizers.forEach((q, row) => {
      const { rule = 0, settings = [] } = this.onDevice(row)
        ? this.estimators[row]?.device ?? {}
        : {};
      const [setting0 = 0, setting1 = 0, setting2 = 0, setting3 = 0] = settings;
      RULE.write(memory, row, {
        rule,
        symmetric: q.symmetric ? 1 : 0,
        dynamic: q.dynamic ? 1 : 0,
        elements: q.elements,
        setting0,
        setting1,
        setting2,
        setting3,
      });
    });
    return rules;
  }

  /** All rows of the table and all memory, for the start. */
  fullTable(): { readonly table: Write; readonly memory: Write } {
    for (const row of this.quantizers.keys()) this.#fill(row);
    return {
      table: { offset: 0, data: this.#table },
      memory: { offset: 0, data: this.#memory },
    };
  }

  /** The rows that the host sets, as they must lie on the device before the next step. */
  table(): Write[] {
    return this.#spans.map(([first, end]) => {
      for (let row = first; row < end; row++) this.#fill(row);
      const data = this.#table.subarray(first * QUANTIZER.words, end * QUANTIZER.words);
      return { offset: first * QUANTIZER.bytes, data };
    });
  }

  /** One row of the table. */
  row(row: number): Write {
    this.#fill(row);
    const data = this.#table.subarray(row * QUANTIZER.words, (row + 1) * QUANTIZER.words);
    return { offset: row * QUANTIZER.bytes, data };
  }

  #fill(row: number): void {
    const { bits, symmetric } = this.quantizers[row]!, range = this.#ranges[row];
    const { low = 0, high = 0 } = range ?? {};
    const rateFactor = this.estimators[row]?.search ? this.memory(row)[0] || 1 : 1;
    const quantizer = quantizerOf(range, bits, symmetric);
    QUANTIZER.write(this.#words, row, { ...quantizer, low, high, rateFactor });
  }

  /**
   * Takes over the ranges, and where given the memory, of the rows that the device sets.
   *
   * @param all also those of other rows, which a calibration has set
   */
  mirrorFromDevice(table: Words, memory?: Float32Array, all = false): void {
    for (const row of this.quantizers.keys()) {
      if (!all && !this.onDevice(row)) continue;
      const { low, high, rateFactor } = QUANTIZER.read(table, row);
      this.setRange(row, low === 0 && high === 0 ? undefined : { low, high });
      if (this.estimators[row]?.search) this.memory(row)[0] = rateFactor;
      else if (memory) {
        this.memory(row).set(
          memory.subarray(row * MAX_MEMORY).subarray(0, this.memory(row).length),
        );
      }
    }
  }

  /**
   * What the statistics buffer says of each row, beside the range that was in force.
   *
   * @param ranges those of the step; the present ones by default
   */
  read(
    statistics: Words,
    ranges: readonly (Range | undefined)[] = this.#ranges,
  ): Observation[] {
    return this.quantizers.map((quantizer, row) => ({
      quantizer,
      range: ranges[row],
      ...readStatistics(statistics, row),
    }));
  }

  /** Statistics by the name of the quantizer, to be kept: minimum, maximum, clipped, not finite. */
  remember(observations: readonly Observation[]): Map<string, Float32Array<ArrayBuffer>> {
    return new Map(observations.map(({ quantizer, min = NaN, max = NaN, clipped, nonfinite }) => [
      quantizer.name,
      Float32Array.of(min, max, clipped, nonfinite),
    ]));
  }

  /** What {@link remember} kept. */
  recall(kept: ReadonlyMap<string, Float32Array>): Observation[] {
    return this.quantizers.map((quantizer, row) => {
      const [min = NaN, max = NaN, clipped = 0, nonfinite = 0] = kept.get(quantizer.name) ?? [];
      return {
        quantizer,
        range: this.#ranges[row],
        min: Number.isNaN(min) ? undefined : min,
        max: Number.isNaN(max) ? undefined : max,
        clipped,
        nonfinite,
      };
    });
  }

  /** What the dynamic estimators that run on the host know: all that a step changes on its way. */
  keep(): EstimatorState {
    const rows = [...this.quantizers.keys()].filter((row) =>
      !this.onDevice(row) && this.estimators[row]!.kind === "dynamic"
    );
    return new Map(rows.map((row) => [
      row,
      { range: this.#ranges[row], memory: this.memory(row).slice() },
    ]));
  }

  /** Goes back to what {@link keep} has kept. */
  restore(kept: EstimatorState): void {
    for (const [row, { range, memory }] of kept) {
      this.#ranges[row] = range;
      this.memory(row).set(memory);
    }
  }

  /** Lets the rows that the host sets follow what a step saw of them. */
  observe(observations: readonly Observation[]): void {
    for (const row of this.quantizers.keys()) {
      if (!this.onDevice(row) && this.estimators[row]!.kind === "static") {
        this.estimate(row, observations[row]!);
      }
    }
  }

  /** Lets a row's estimator set its range. */
  estimate(row: number, observation: Statistics): void {
    const estimator = this.estimators[row], { elements } = this.quantizers[row]!;
    const seen = usableStatistics(observation, elements);
    if (!seen || !estimator || estimator.initial) return;
    const next = estimator.next(this.#ranges[row], seen, this.memory(row));
    // A rule of one's own may compute in float64, or fail.
    const low = Math.fround(next.low), high = Math.fround(next.high);
    if (Number.isFinite(low) && Number.isFinite(high)) this.#ranges[row] = { low, high };
  }
}
