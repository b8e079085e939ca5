/**
 * A model of a distributed step: computing, waiting for the slowest rank, and what the backward pass does
 * not hide of exchanging.
 *
 *     step = compute · (1 + spread · slowest(ranks)) + exchange − hidden
 *     exchange = exchanges · (latency + (ranks − 2) · perPeer) + waits · delay + bytes / bandwidth
 *     hidden = min(share · exchange, 2/3 compute)
 *
 * @module
 */

/** A network's step on one rank. */
export interface Load {
  /** Images of a rank in a step: one micro-batch. */
  readonly images: number;
  /** Bytes of all gradients in f32. */
  readonly gradientBytes: number;
  /** Bytes of statistics, which are combined in slices, and of what each rank gives all others. */
  readonly statisticsBytes: number;
  readonly toldBytes: number;
  /** Exchanges, all together. */
  readonly exchanges: number;
  /** Seconds of computing a rank's images. */
  readonly compute: number;
}

/** What is fitted. */
export interface Fitted {
  /** Seconds of an exchange between two ranks beside its bytes, without the delay of a link. */
  readonly latency: number;
  /** Seconds by which each further rank makes an exchange longer. */
  readonly perPeer: number;
  /** How often a step waits for a link's delay one way, as its exchanges go on side by side. */
  readonly waits: number;
  /** Bytes in a second that the software moves at most. */
  readonly software: number;
  /** Share of the exchange that is hidden behind the backward pass, 0–1. */
  readonly hidden: number;
  /** Standard deviation of a rank's time of computing, as a share of it. */
  readonly spread: number;
}

/** Bytes of a step that a rank sends, and receives as many. */
export function wireBytes(
  { gradientBytes, statisticsBytes, toldBytes }: Omit<Load, "images" | "exchanges" | "compute">,
  ranks: number,
  wire: "f32" | "int8",
): number {
  const perWeight = wire === "f32" ? 8 : 3, others = ranks - 1; // There and back.
  const slices = gradientBytes / 4 * perWeight + 2 * statisticsBytes;
  return slices * others / ranks + toldBytes * others;
}

/**
 * By how many standard deviations the slowest of some ranks is slower than the mean: the expected maximum of
 * as many normal numbers, by Blom's approximation (Statistical Estimates and Transformed Beta-Variables,
 * 1958).
 */
export function slowest(ranks: number): number {
  return ranks < 2 ? 0 : normalQuantile((ranks - 0.375) / (ranks + 0.25));
}

/** A link: bytes in a second, and seconds of a packet one way beyond those of a link on this host. */
export interface LinkSpeed {
  readonly bandwidth: number;
  readonly delay: number;
}

/** Seconds of a step's exchanges, if nothing hides them. */
export function exchangeSeconds(
  load: Load,
  ranks: number,
  wire: "f32" | "int8",
  { bandwidth, delay }: LinkSpeed,
  { latency, perPeer, waits, software }: Fitted,
): number {
  if (ranks < 2) return 0;
  const messages = load.exchanges * (latency + (ranks - 2) * perPeer);
  const bytes = wireBytes(load, ranks, wire) / Math.min(bandwidth, software);
  return messages + waits * delay + bytes;
}

/** Seconds of a step. */
export function stepSeconds(
  load: Load,
  ranks: number,
  wire: "f32" | "int8",
  link: LinkSpeed,
  fitted: Fitted,
): number {
  const exchange = exchangeSeconds(load, ranks, wire, link, fitted);
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
