/**
 * What a measurement of ranks is told and tells.
 *
 * @module
 */

/** What the ranks are to do. */
export interface RankOptions {
  readonly network: "cnn" | "resnet8" | "resnet20";
  /** Images of a micro-batch. */
  readonly images: number;
  /** Images of a step, of all ranks. */
  readonly batch: number;
  readonly wire: "f32" | "int8";
  /** Steps of each of the five rounds. */
  readonly steps: number;
}

/** Medians of one rank, in milliseconds. */
export interface RankTimes {
  /** A step. */
  readonly step: number;
  /** The rank's part of a step without exchanges. */
  readonly compute: number;
  /** A step's exchanges without computing, one after another. */
  readonly exchange: number;
  /** A gather of 16 bytes. */
  readonly gather: number;
}

/** What a measurement gives. */
export interface Measured {
  /** The times of each rank. */
  readonly ranks: readonly RankTimes[];
  readonly engine: string;
}
