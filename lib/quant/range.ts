/**
 * Derives scale, 1/scale and zero point from a range, in f32 operations that
 * kernels/include/range.wgsl repeats one by one.
 *
 * @module
 */
const fround = Math.fround;

/** The smallest scale: 1/scale must stay finite. */
export const MIN_SCALE = 2 ** -100;

/** The interval of real values that the codes cover, in f32. */
export interface Range {
  /** Smallest value covered. */
  readonly low: number;
  /** Largest value covered. */
  readonly high: number;
}

/** How codes represent real values: real = scale · (code − zero). */
interface QuantizerParameters {
  readonly scale: number;
  /** 1/scale, rounded to f32 once. */
  readonly inverse: number;
  /** Zero point. */
  readonly zero: number;
  /** Smallest code. */
  readonly qmin: number;
  /** Largest code. */
  readonly qmax: number;
}

/**
 * Returns the quantizer of a range.
 *
 * @param range the interval to cover, or `undefined` while there is none: scale 1
 * @param bits 2 to 8
 * @param symmetric zero point 0 and codes ±(2^(bits−1) − 1)
 */
export function quantizerOf(
  range: Range | undefined,
  bits: number,
  symmetric: boolean,
): QuantizerParameters {
  const qmax = 2 ** (bits - 1) - 1;
  const low = fround(Math.min(range?.low ?? 0, 0));
  const high = fround(Math.max(range?.high ?? 0, 0));
  const known = high > low && Number.isFinite(low) && Number.isFinite(high);
  if (symmetric) {
    const scale = known ? atLeast(fround(Math.max(-low, high) / qmax)) : 1;
    return { scale, inverse: fround(1 / scale), zero: 0, qmin: -qmax, qmax };
  }
  const qmin = -qmax - 1;
  const scale = known ? atLeast(fround(fround(high - low) / (2 ** bits - 1))) : 1;
  const unclamped = known ? qmin - roundHalfEven(fround(low / scale)) : 0;
  const zero = Math.min(Math.max(unclamped, qmin), qmax);
  return { scale, inverse: fround(1 / scale), zero, qmin, qmax };
}

function atLeast(scale: number): number {
  return Number.isFinite(scale) ? Math.max(scale, MIN_SCALE) : fround(3e38);
}

/** Round half to even, as WGSL's `round` and ONNX. */
export function roundHalfEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}
