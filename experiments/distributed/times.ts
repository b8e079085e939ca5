/**
 * What a measurement of ranks is told and tells.
 *
 * @module
 */

/** A network whose steps are timed. */
export interface RankCase {
  readonly network: "cnn" | "resnet8";
  readonly wire: "f32" | "int8";
}

/** What the ranks are to do. */
export interface RankOptions {
  /** What is timed, one after another. */
  readonly cases: readonly RankCase[];
  /** Threads of each rank. */
  readonly threads: number;
  /** Images of a micro-batch. */
  readonly images: number;
  /** Images of a step, of all ranks. */
  readonly batch: number;
  /** Steps that are timed of each kind, in turns. */
  readonly steps: number;
  /** Times exchanges of the engine alone, of parts of so many bytes, too. */
  readonly parts: readonly number[];
  /** Times so many small exchanges at once, too. */
  readonly atOnce: readonly number[];
}

/** Medians of one rank, in milliseconds. */
export interface RankTimes {
  /** A step. */
  readonly step: number;
  /** The rank's part of a step without exchanges. */
  readonly compute: number;
  /** A step whose exchanges begin when the backward pass is done. */
  readonly late: number;
  /** By how much a step is shorter than one with late exchanges: median of differences of neighbours. */
  readonly hidden: number;
  /** By how much a step with late exchanges is longer than computing: the same. */
  readonly exchange: number;
  /** Standard deviation of computing as a share of its median, by the quartiles. */
  readonly spread: number;
  /** Median processor time of a step, of all threads: hardly longer where others use the cores too. */
  readonly cpu: number;
  /** Median bytes that a step sends over the links of its network namespace, with all headers. */
  readonly sent: number;
}

/** Median milliseconds of an all-to-all and an all-gather. */
export interface EngineTime {
  /** Bytes of the part for each rank. */
  readonly part: number;
  readonly ms: number;
}

/** Median milliseconds of some small exchanges at once. */
export interface AtOnceTime {
  readonly exchanges: number;
  readonly ms: number;
}

/** What a measurement gives. */
export interface Measured {
  /** The times of each case, of each rank. */
  readonly cases: readonly (readonly RankTimes[])[];
  /** Of the exchanges of the engine alone. */
  readonly engineTimes: readonly EngineTime[];
  readonly atOnceTimes: readonly AtOnceTime[];
  readonly engine: string;
}
