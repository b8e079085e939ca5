/**
 * `hindsight-guarded`: `hindsight-minmax` that opens at once when it clips, and never stays much too
 * wide; docs/guarded.md has the measurements. Where neither happens it is the same rule, to the bit.
 *
 * @module
 */
import { type Estimator, type EstimatorDefinition, magnitude } from "../estimator.ts";
import type { Range } from "../range.ts";
import type { UsableStatistics } from "../statistics.ts";
import { average, definition as hindsight, shares } from "./hindsight_minmax.ts";

const fround = Math.fround;
const RULE = 4;
/** A larger share of clipped values means that the range has jumped. */
const CLIP_RATIO = 1 / 256;
/** A range is never this much wider than the largest magnitude in the tensor. */
const MAX_WIDTH_RATIO = 4;

function guarded({ low, high }: Range, seen: UsableStatistics): Range {
  if (fround(seen.clipped) > fround(fround(seen.elements) * CLIP_RATIO)) {
    low = Math.min(low, seen.min);
    high = Math.max(high, seen.max);
  }
  const bound = fround(magnitude(seen) * MAX_WIDTH_RATIO);
  return { low: Math.max(low, -bound), high: Math.min(high, bound) };
}

function hindsightGuarded(momentum: number): Estimator {
  const [kept, taken] = shares(momentum);
  return {
    kind: "static",
    device: { rule: RULE, settings: [kept, taken, CLIP_RATIO, MAX_WIDTH_RATIO] },
    next: (range, seen) => guarded(average(kept, taken, range, seen), seen),
  };
}

/** See the module's text. */
export const definition: EstimatorDefinition = {
  description: "the same, but it opens at once when it clips and is never much too wide",
  defaults: { momentum: 0.9 },
  label: hindsight.label!,
  widen: { verb: "lower", setting: "momentum" },
  opensAtOnce: true,
  make: ({ momentum }) => hindsightGuarded(momentum),
  rule: { number: RULE, of: ([kept = 0]) => hindsightGuarded(kept) },
};
