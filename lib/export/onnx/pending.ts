/**
 * Results of layers that are computed by what reads them: as codes where a QuantizeLinear follows, as
 * real values elsewhere. Codes then need no real values in between, which would take four times the
 * time.
 *
 * @module
 */

/** Lowest and highest value. */
export type Limits = readonly [low: number, high: number];

/** A result that is not computed yet; both forms are clipped to limits. */
export interface Pending {
  /** Returns real values. */
  reals(limits: Limits): Float32Array;
  /** Returns codes, saturate(round half to even(value / scale) + zero), −128 to 127. */
  codes(limits: Limits, scale: number, zero: number): Int8Array;
}

/**
 * Returns a result of which real values are computed once for readers that clip them alike, as the two
 * of a residual block do.
 *
 * @param codes returns the same codes as rounding the real values; these are rounded otherwise
 */
export function pending(reals: Pending["reals"], codes?: Pending["codes"]): Pending {
  let last: { readonly limits: Limits; readonly values: Float32Array } | undefined;
  const result: Pending = {
    reals(limits) {
      if (!last || last.limits.some((limit, i) => limit !== limits[i])) {
        last = { limits, values: reals(limits) };
      }
      return last.values;
    },
    codes: codes ?? ((limits, scale, zero) => quantize(result.reals(limits), scale, zero)),
  };
  return result;
}

/** In doubles, adding and subtracting it rounds to whole numbers, half to even. */
const ROUNDER = 1.5 * 2 ** 52;

/** Returns the codes of real values. */
export function quantize(
  values: Float32Array,
  scale: number,
  zero: number,
): Int8Array<ArrayBuffer> {
  const codes = new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) codes[i] = codeOf(values[i]!, scale, zero);
  return codes;
}

/** Returns the code of a real value, an f32. */
export function codeOf(value: number, scale: number, zero: number): number {
  const v = Math.fround(value / scale), rounded = (v + ROUNDER) - ROUNDER + zero;
  return rounded < -128 ? -128 : rounded > 127 ? 127 : rounded;
}

/** The codes of limits. */
export function codeLimits(
  limits: Limits,
  scale: number,
  zero: number,
): { readonly low: number; readonly high: number } {
  const [low = -128, high = 127] = quantize(Float32Array.from(limits), scale, zero);
  return { low, high };
}
