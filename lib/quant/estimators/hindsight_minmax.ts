/**
 * `hindsight-minmax`: in-hindsight min-max (Fournarakis & Nagel 2021, arXiv 2105.04246), the
 * exponential average of the extremes of earlier steps.
 *
 * @module
 */
import { type Estimator, type EstimatorDefinition, extremes } from "../estimator.ts";
import type { Range } from "../range.ts";
import type { UsableStatistics } from "../statistics.ts";

const fround = Math.fround;
const RULE = 2;

/** The shares of the old range and of the new extremes in an average, in f32. */
export function shares(momentum: number): [kept: number, taken: number] {
  const kept = fround(momentum);
  return [kept, fround(1 - kept)];
}

/** (1 − η)·extremes + η·range, each side for itself; the extremes while there is no range. */
export function average(
  kept: number,
  taken: number,
  range: Range | undefined,
  seen: UsableStatistics,
): Range {
  if (range === undefined) return extremes(seen);
  const side = (old: number, now: number) => fround(fround(taken * now) + fround(kept * old));
  return { low: side(range.low, seen.min), high: side(range.high, seen.max) };
}

/** The estimator with momentum η. */
export function hindsightMinmax(momentum: number): Estimator {
  const [kept, taken] = shares(momentum);
  return {
    kind: "static",
    device: { rule: RULE, settings: [kept, taken] },
    next: (range, seen) => average(kept, taken, range, seen),
  };
}

/** See the module's text. */
export const definition: EstimatorDefinition = {
  description: "the moving average of earlier minima and maxima",
  defaults: { momentum: 0.9 },
  label: ({ momentum }) => ` ${momentum}`,
  widen: { verb: "lower", setting: "momentum" },
  make: ({ momentum }) => hindsightMinmax(momentum),
  rule: { number: RULE, of: ([kept = 0]) => hindsightMinmax(kept) },
};
