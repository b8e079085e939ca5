/**
 * Means, deviations, and confidence intervals of paired differences.
 *
 * @module
 */

/** A mean difference with its 95% confidence interval. */
export interface PairedDifference {
  readonly pairs: number;
  readonly mean: number;
  /** Lower end of the interval; null for fewer than two pairs. */
  readonly low: number | null;
  /** Upper end of the interval; null for fewer than two pairs. */
  readonly high: number | null;
}

/** The mean; NaN for no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

/** The sample standard deviation (n − 1); NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return NaN;
  const m = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - m) ** 2, 0) / (values.length - 1));
}

/** The median; NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[half]!;
  return sorted.length === 0 ? NaN : (sorted[half - 1]! + sorted[half]!) / 2;
}

/**
 * The mean of paired differences with its 95% interval, from Student's t with n − 1 degrees of
 * freedom; `undefined` for no pairs.
 */
export function pairedDifference(differences: readonly number[]): PairedDifference | undefined {
  const pairs = differences.length;
  if (pairs === 0) return undefined;
  const middle = mean(differences);
  if (pairs < 2) return { pairs, mean: middle, low: null, high: null };
  const half = studentT95(pairs - 1) * standardDeviation(differences) / Math.sqrt(pairs);
  return { pairs, mean: middle, low: middle - half, high: middle + half };
}

/** The t for which P(|T| < t) = 0.95, for whole degrees of freedom of at least 1. */
export function studentT95(freedom: number): number {
  let low = 0, high = 13; // 12.706 for one degree of freedom, less for more.
  for (let i = 0; i < 60; i++) {
    const t = (low + high) / 2;
    if (withinT(t, freedom) < 0.95) low = t;
    else high = t;
  }
  return (low + high) / 2;
}

/**
 * P(|T| < t): the finite series for whole degrees of freedom (Abramowitz and Stegun, Handbook of
 * Mathematical Functions, 26.7.3 and 26.7.4).
 */
function withinT(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const sin = Math.sin(angle), cos = Math.cos(angle);
  const odd = freedom % 2;
  let term = odd ? cos : 1, sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k < freedom; k += 2) {
    term *= cos * cos * (k - 1) / k;
    sum += term;
  }
  return odd ? 2 / Math.PI * (angle + sin * sum) : sin * sum;
}
