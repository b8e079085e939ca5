/**
 * A model of a distributed step: computing, exchanging, waiting for the slowest rank.
 *
 *     step = compute · (1 + spread · slowest(ranks)) + (1 − hidden) · exchange
 *     exchange = messages · perMessage + bytes / bandwidth
 *
 * `perMessage` and the software's own bandwidth are fitted by least squares to measured exchanges, `hidden`
 * and `spread` to measured steps.
 *
 * @module
 */

/** A network's step on one rank. */
export interface Load {
  /** Bytes of all gradients in f32. */
  readonly gradientBytes: number;
  /** Bytes of statistics that each rank gives all others. */
  readonly statisticsBytes: number;
  /** Exchanges of gradients: twice the buckets. */
  readonly exchanges: number;
  /** Seconds of computing a rank's images. */
  readonly compute: number;
}

/** What is fitted. */
export interface Fitted {
  /** Seconds of an exchange's messages with one other rank, beside their bytes. */
  readonly perMessage: number;
  /** Bytes in a second that the software moves at most. */
  readonly software: number;
  /** Share of the exchange that is hidden behind the backward pass, 0–1. */
  readonly hidden: number;
  /** Standard deviation of a rank's time of computing, as a share of it. */
  readonly spread: number;
}

/** Bytes of a step that a rank sends, and receives as many. @param wire bytes of a weight there and back */
export function wireBytes(
  { gradientBytes, statisticsBytes }: Pick<Load, "gradientBytes" | "statisticsBytes">,
  ranks: number,
  wire: "f32" | "int8",
): number {
  const perWeight = wire === "f32" ? 8 : 3;
  return gradientBytes / 4 * perWeight * (ranks - 1) / ranks + statisticsBytes * (ranks - 1);
}

/**
 * By how many standard deviations the slowest of some ranks is slower than the mean: the expected maximum of
 * as many normal numbers, by Blom's approximation (Statistical Estimates and Transformed Beta-Variables,
 * 1958).
 */
export function slowest(ranks: number): number {
  return ranks < 2 ? 0 : normalQuantile((ranks - 0.375) / (ranks + 0.25));
}

/** Seconds of a step's exchanges. @param bandwidth bytes in a second of the link */
export function exchangeSeconds(
  load: Load,
  ranks: number,
  wire: "f32" | "int8",
  bandwidth: number,
  { perMessage, software }: Pick<Fitted, "perMessage" | "software">,
): number {
  const messages = (load.exchanges + 1) * (ranks - 1), bytes = wireBytes(load, ranks, wire);
  return ranks < 2 ? 0 : messages * perMessage + bytes / Math.min(bandwidth, software);
}

/** Seconds of a step. */
export function stepSeconds(
  load: Load,
  ranks: number,
  wire: "f32" | "int8",
  bandwidth: number,
  fitted: Fitted,
): number {
  const exchange = exchangeSeconds(load, ranks, wire, bandwidth, fitted);
  // No more can be hidden than the backward pass takes, about two thirds of computing.
  const hidden = Math.min(fitted.hidden * exchange, load.compute * 2 / 3);
  return load.compute * (1 + fitted.spread * slowest(ranks)) + exchange - hidden;
}

/** Fits y ≈ a · x₁ + b · x₂ by least squares; both at least 0. */
export function fitTwo(
  rows: readonly (readonly [x1: number, x2: number, y: number])[],
): [a: number, b: number] {
  let aa = 0, ab = 0, bb = 0, ay = 0, by = 0;
  for (const [a, b, y] of rows) {
    // Relative errors: each measurement counts alike, a long one no more than a short one.
    const weight = 1 / (y * y);
    aa += weight * a * a;
    ab += weight * a * b;
    bb += weight * b * b;
    ay += weight * a * y;
    by += weight * b * y;
  }
  const determinant = aa * bb - ab * ab;
  const a = (ay * bb - by * ab) / determinant, b = (by * aa - ay * ab) / determinant;
  if (a < 0) return [0, by / bb];
  if (b < 0) return [ay / aa, 0];
  return [a, b];
}

/** The normal distribution's quantile, by bisection of its distribution function. */
function normalQuantile(p: number): number {
  let low = -8, high = 8;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The share of the normal distribution below x (Abramowitz & Stegun 26.2.17, error below 7.5e-8). */
function normalShare(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.319381530 + t * (-0.356563782 +
        t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) * series;
  return x >= 0 ? 1 - tail : tail;
}
