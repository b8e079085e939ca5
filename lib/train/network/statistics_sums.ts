/**
 * Adds up what ranks have counted in a step: statistics, and what batch norms' running values take over.
 *
 * @module
 */
import { joinBytes } from "../../core/bytes.ts";
import type { Ranks, SharedBytes } from "../../distributed/ranks.ts";
import { wordsOfQuantizers } from "../../program/passes/nonfinite_guard.ts";
import { SLOT, SLOTS } from "../../quant/layouts.ts";
import type { Sliced } from "./slice_exchanges.ts";
import { cuts, shared } from "./wire/wire.ts";

/** What a rank has of a step. */
export interface OwnStatistics {
  /** The buffer of statistics: u32. */
  readonly statistics: Uint8Array;
  /** Bits of numbers that are not negative, f32, of which the largest of all ranks counts. */
  readonly maxima: Uint8Array;
  /** Of each of its micro-batches, what the running values take over: f32. */
  readonly running: readonly Uint8Array[];
}

/** How to combine them. */
export interface StatisticsRules {
  readonly quantizers: number;
  /** Quantizers whose extremes each micro-batch begins anew: those of the last one stay. */
  readonly reset: ReadonlySet<number>;
  /** Running values before the step, and the share of each that one micro-batch leaves of it. */
  readonly running: Float32Array;
  readonly kept: Float32Array;
}

/** One step's statistics on one rank. */
export class StatisticsSums implements Sliced {
  readonly received: readonly SharedBytes[];
  readonly #own: OwnStatistics;
  readonly #rules: StatisticsRules;
  readonly #rank: number;
  /** Where each rank's slice begins, and the last one ends: of words, and of running values. */
  readonly #words: readonly number[];
  readonly #values: readonly number[];
  readonly #results: readonly SharedBytes[];

  constructor(own: OwnStatistics, rules: StatisticsRules, ranks: Ranks) {
    const { rank, size } = ranks;
    this.#own = own;
    this.#rules = rules;
    this.#rank = rank;
    this.#words = cuts((own.statistics.length + own.maxima.length) / 4, size);
    this.#values = cuts(rules.running.length, size);
    this.#results = Array.from(
      { length: size },
      (_, to) => shared(4 * (this.#wordsOf(to) + this.#valuesOf(to))),
    );
    const bytes = 4 * (this.#wordsOf(rank) + own.running.length * this.#valuesOf(rank));
    this.received = Array.from({ length: size }, () => shared(bytes));
  }

  parts(): readonly SharedBytes[] {
    const { statistics, maxima, running } = this.#own;
    const words = joinBytes([statistics, maxima]);
    return this.#results.map((_, to) => {
      const cut = (bytes: Uint8Array, at: readonly number[]) =>
        bytes.subarray(4 * at[to]!, 4 * at[to + 1]!);
      const part = joinBytes([
        cut(words, this.#words),
        ...running.map((bytes) => cut(bytes, this.#values)),
      ]);
      const sent = shared(part.length);
      sent.set(part);
      return sent;
    });
  }

  combine(): void {
    const result = this.#results[this.#rank]!, count = this.#wordsOf(this.#rank);
    this.#combineWords(new Uint32Array(result.buffer, 0, count));
    this.#addRunning(new Float32Array(result.buffer, 4 * count));
  }

  result(): readonly SharedBytes[] {
    return this.#results;
  }

  /** What all ranks' statistics come to; all results must be there. */
  get all(): {
    readonly statistics: Uint32Array<ArrayBuffer>;
    readonly maxima: Float32Array<ArrayBuffer>;
    readonly running: Float32Array<ArrayBuffer>;
  } {
    const words = joinBytes(
      this.#results.map((bytes, of) => bytes.subarray(0, 4 * this.#wordsOf(of))),
    );
    const values = joinBytes(
      this.#results.map((bytes, of) => bytes.subarray(4 * this.#wordsOf(of))),
    );
    const end = this.#own.statistics.length;
    return {
      statistics: new Uint32Array(words.buffer, 0, end / 4),
      maxima: new Float32Array(words.buffer.slice(end)),
      running: new Float32Array(values.buffer),
    };
  }

  #wordsOf(rank: number): number {
    return this.#words[rank + 1]! - this.#words[rank]!;
  }

  #valuesOf(rank: number): number {
    return this.#values[rank + 1]! - this.#values[rank]!;
  }

  /** Counts are added; of extremes the largest counts, or the last one. */
  #combineWords(into: Uint32Array): void {
    const given = this.received.map(({ buffer }) => new Uint32Array(buffer, 0, into.length));
    const last = given.at(-1)!, { quantizers, reset } = this.#rules, row = SLOTS * SLOT.words;
    const counts = wordsOfQuantizers(quantizers), maxima = this.#own.statistics.length / 4;
    const first = this.#words[this.#rank]!;
    for (let i = 0; i < into.length; i++) {
      const word = first + i;
      const extreme = word < counts && word % SLOT.words <= SLOT.word("max");
      if (extreme && reset.has(Math.floor(word / row))) into[i] = last[i]!;
      else {
        const largest = extreme || word >= maxima;
        let all = 0;
        for (const words of given) all = largest ? Math.max(all, words[i]!) : all + words[i]!;
        into[i] = all;
      }
    }
  }

  /** Adds each micro-batch's part to the running values, in the order of micro-batches. */
  #addRunning(into: Float32Array): void {
    const { running, kept } = this.#rules, { fround } = Math;
    const first = this.#values[this.#rank]!, words = this.#wordsOf(this.#rank);
    const given = this.received.map(({ buffer }) => new Float32Array(buffer, 4 * words));
    into.set(running.subarray(first, first + into.length));
    for (const round of this.#own.running.keys()) {
      for (const values of given) {
        for (let i = 0; i < into.length; i++) {
          const taken = values[round * into.length + i]!;
          into[i] = fround(fround(kept[first + i]! * into[i]!) + taken);
        }
      }
    }
  }
}
