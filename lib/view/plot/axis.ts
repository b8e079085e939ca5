/**
 * Axes of plots: positions of values, and ticks.
 *
 * @module
 */
import { largest, smallest } from "../../core/min_max.ts";

/** An axis of a plot. */
export interface Axis {
  /** The position of a value: 0 at the low end, 1 at the high end. */
  at(value: number): number;
  /** Values to mark, in ascending order. */
  readonly ticks: readonly number[];
}

/** A linear axis from `low` to `high`, widened if they are equal but for their last digits. */
export function linear(low: number, high: number, marks = 5): Axis {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const pad = high - low > 1e-9 * size ? 0 : size * 0.5 || 0.5;
  const from = low - pad, to = high + pad;
  return { at: (value) => (value - from) / (to - from), ticks: niceTicks(from, to, marks) };
}

/** A logarithmic axis; both ends are above 0. */
export function logarithmic(low: number, high: number): Axis {
  const from = Math.log10(low), width = Math.max(Math.log10(high) - from, 1e-9);
  const all: number[] = [];
  for (let power = Math.floor(from); power <= from + Math.min(width, 700); power++) {
    for (const digit of [1, 2, 5]) {
      // Parsed from its digits, so that 5e-2 is exactly 0.05.
      const value = Number(`${digit}e${power}`);
      if (value >= low && value <= high) all.push(value);
    }
  }
  const decades = all.filter((value) => /^1/.test(value.toExponential()));
  return {
    at: (value) => (Math.log10(value) - from) / width,
    ticks: all.length > 9 && decades.length > 1 ? decades : all,
  };
}

/**
 * An axis of accuracies that is logarithmic in the error: 99% is as far from 98% as 90% from 80%.
 * `undefined` if the errors are too similar to need it.
 */
export function errorAxis(accuracies: readonly number[]): Axis | undefined {
  const errors = accuracies.map((accuracy) => 1 - accuracy);
  const least = smallest(errors.filter((error) => error > 0));
  const most = largest(errors);
  if (!Number.isFinite(least) || most < 5 * least) return undefined;
  // An error of zero would be at infinity.
  const scale = logarithmic(least * 0.8, Math.min(most * 1.1, 1));
  return {
    at: (accuracy) => 1 - scale.at(Math.max(1 - accuracy, least * 0.85)),
    ticks: scale.ticks.map((error) => 1 - error).toReversed(),
  };
}

/** About `count` values from `low` to `high`: multiples of 1, 2 or 5 times a power of ten. */
function niceTicks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  const power = Math.floor(Math.log10(raw));
  const digit = [1, 2, 5, 10].find((d) => d * 10 ** power >= raw * 0.999) ?? 10;
  const step = digit * 10 ** power;
  const ticks: number[] = [];
  const first = Math.ceil(low / step - 1e-9);
  // Bounded: where the ends differ by less than their last digits, adding one changes nothing.
  for (let i = 0; i <= 2 * count + 2; i++) {
    const k = first + i;
    if (!(k * step <= high + step * 1e-9)) break;
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return ticks;
}

/** The value below which a share of the values falls; NaN for no values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? NaN;
}

/** A coordinate in tenths of a pixel: more would be bytes that nobody sees. */
export function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** At most `max` of the items, evenly spaced, including the first and the last. */
export function downsample<T>(items: readonly T[], max: number): T[] {
  if (items.length <= max) return [...items];
  return Array.from(
    { length: max },
    (_, i) => items[Math.round(i * (items.length - 1) / (max - 1))]!,
  );
}
