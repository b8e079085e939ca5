/**
 * What is measured of steps on several ranks.
 *
 * @module
 */
import type { Load } from "./step_model.ts";
import type { AtOnceTime, EngineTime, RankCase, RankTimes } from "./times.ts";

/** Two ranks with half the images of one each. */
export interface HereRow {
  readonly network: string;
  /** Median milliseconds of a step of one rank with one thread. */
  readonly one: number;
  /** Of two ranks with one thread each. */
  readonly two: number;
  /** Of one rank with two threads. */
  readonly threads: number;
  /** How many times as fast as one rank two ranks are, in each turn. */
  readonly ratios: readonly number[];
  /** The same of computing alone, both ranks at once: what the cores give, without exchanges. */
  readonly computeRatios: readonly number[];
  /** How many times as fast one rank with two threads is, in each turn. */
  readonly threadRatios: readonly number[];
}

/** A measurement of two ranks over a link: means of both ranks' medians. */
export interface LinkRow extends RankCase {
  readonly link: string;
  readonly times: RankTimes;
}

/** All that was measured. */
export interface Measurement {
  readonly processor: string;
  readonly engine: string;
  readonly here: readonly HereRow[];
  /** Small exchanges at once, between two ranks on this host. */
  readonly atOnce: readonly AtOnceTime[];
  readonly raw: readonly (EngineTime & { readonly link: string })[];
  readonly links: readonly LinkRow[];
  readonly loads: Readonly<Record<string, Load>>;
}
