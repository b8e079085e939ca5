/**
 * The ranges of all quantizers and what estimators keep beside them, on the host, and their form in
 * the device's buffers `quantizers` and `memory`.
 *
 * @module
 */
import type { Estimator } from "./estimator.ts";
import { MAX_MEMORY, QUANTIZER, type Words, wordsOf } from "./layouts.ts";
import type { QuantizerSpec } from "./quantizer.ts";
import { quantizerOf, type Range } from "./range.ts";

/** Ranges and estimators' memory, by row. */
export class RangeTable {
  readonly #ranges: (Range | undefined)[];
  readonly #table: Float32Array<ArrayBuffer>;
  readonly #words: Words;
  readonly #memory: Float32Array<ArrayBuffer>;

  /** @param estimators the estimator of each row; `undefined` for weights */
  constructor(
    readonly quantizers: readonly QuantizerSpec[],
    readonly estimators: readonly (Estimator | undefined)[],
  ) {
    this.#ranges = estimators.map((e) => e?.initial);
    this.#table = new Float32Array(quantizers.length * QUANTIZER.words);
    this.#words = wordsOf(this.#table);
    this.#memory = new Float32Array(quantizers.length * MAX_MEMORY);
  }

  /** The range of a row; `undefined` while there is none. */
  range(row: number): Range | undefined {
    return this.#ranges[row];
  }

  /** The ranges of all rows, as they are now. */
  ranges(): readonly (Range | undefined)[] {
    return [...this.#ranges];
  }

  /** Sets a row's range (calibration, a checkpoint), unless its estimator has one that never changes. */
  setRange(row: number, range: Range | undefined): void {
    if (!this.estimators[row]?.initial) this.#ranges[row] = range;
  }

  /** The values that a row's estimator keeps; empty for most. */
  memory(row: number): Float32Array<ArrayBuffer> {
    const at = row * MAX_MEMORY;
    return this.#memory.subarray(at, at + (this.estimators[row]?.memory ?? 0));
  }

  /**
   * Rows `first` to `end` as the device has them.
   *
   * @returns `offset` bytes from the start of the buffer `quantizers`, and `data` to write there
   */
  encode(first: number, end = first + 1): { offset: number; data: Float32Array<ArrayBuffer> } {
    for (let row = first; row < end; row++) this.#encodeRow(row);
    return {
      offset: first * QUANTIZER.bytes,
      data: this.#table.subarray(first * QUANTIZER.words, end * QUANTIZER.words),
    };
  }

  /** The whole buffers `quantizers` and `memory`. */
  encodeAll(): { table: Float32Array<ArrayBuffer>; memory: Float32Array<ArrayBuffer> } {
    return { table: this.encode(0, this.quantizers.length).data, memory: this.#memory };
  }

  #encodeRow(row: number): void {
    const { bits, symmetric } = this.quantizers[row]!, range = this.#ranges[row];
    const { low = 0, high = 0 } = range ?? {};
    const rateFactor = this.estimators[row]?.search ? this.memory(row)[0] || 1 : 1;
    const quantizer = quantizerOf(range, bits, symmetric);
    QUANTIZER.write(this.#words, row, { ...quantizer, low, high, rateFactor });
  }

  /** Takes the range of a row, and where given the memory of its estimator, from the device's buffers. */
  decode(row: number, table: Words, memory?: Float32Array): void {
    const { low, high, rateFactor } = QUANTIZER.read(table, row), own = this.memory(row);
    this.setRange(row, low === 0 && high === 0 ? undefined : { low, high });
    if (this.estimators[row]?.search) own[0] = rateFactor;
    else if (memory) own.set(memory.subarray(row * MAX_MEMORY).subarray(0, own.length));
  }
}
