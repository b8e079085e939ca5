/**
 * Range estimators: what the range of the next iteration is, given what this one saw.
 *
 * @module
 */
import type { Range } from "./range.ts";

/** The rule that sets a quantizer's range. Values in and out are f32. */
export interface Estimator {
  /** Its name in a recipe. */
  readonly name: string;
  /** Whether the range is known before the tensor is (one pass) or needs the tensor itself. */
  readonly kind: "static" | "dynamic";
  /**
   * The range for the next iteration.
   *
   * @param range the range so far; `undefined` when there is none yet
   * @param seen minimum and maximum of this iteration's tensor, both finite
   */
  next(range: Range | undefined, seen: Range): Range;
}

const fround = Math.fround;

/**
 * In-hindsight min-max (Fournarakis & Nagel 2021, arXiv 2105.04246): an exponential average of past
 * extremes, used before the tensor is seen.
 *
 * @param momentum η in q ← (1 − η)·seen + η·q
 */
export function hindsightMinmax(momentum: number): Estimator {
  const kept = fround(momentum);
  const taken = fround(1 - kept);
  const average = (old: number, seen: number) => fround(fround(taken * seen) + fround(kept * old));
  return {
    name: "hindsight-minmax",
    kind: "static",
    next: (range, seen) =>
      range === undefined ? seen : {
        low: average(range.low, seen.low),
        high: average(range.high, seen.high),
      },
  };
}

/** The range is the one given; nothing that is seen changes it. */
export function fixed(range: Range): Estimator {
  return { name: "fixed", kind: "static", next: () => range };
}

/** Estimators by the name that a recipe uses. */
export const estimators: Readonly<Record<string, (momentum: number) => Estimator>> = {
  "hindsight-minmax": hindsightMinmax,
};
