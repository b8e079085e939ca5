/**
 * Multiplication by a real number in whole numbers, as TFLite defines it (Jacob et al. 2018, arXiv
 * 1712.05877, §2.2): a factor of 31 bits and a shift, rounded twice.
 *
 * @module
 */

/** A real factor as mantissa · 2^(shift − 31). */
export interface Multiplier {
  /** 2^30 to 2^31 − 1, or 0. */
  readonly mantissa: number;
  /** −31 to 30. */
  readonly shift: number;
}

/** The nearest multiplier of a factor above 0 and below 2^29; 0 for one below 2^-32. */
export function multiplierOf(factor: number): Multiplier {
  let shift = Math.ceil(Math.log2(factor));
  // The logarithm may round across a power of 2.
  if (factor >= 2 ** shift) shift++;
  if (factor < 2 ** (shift - 1)) shift--;
  let mantissa = Math.floor(factor / 2 ** shift * 2 ** 31 + 0.5);
  if (mantissa === 2 ** 31) [mantissa, shift] = [2 ** 30, shift + 1];
  return shift < -31 ? { mantissa: 0, shift: 0 } : { mantissa, shift };
}

/** Multiplies an int32: halves are rounded up by the factor, and away from 0 by the shift. */
export function multiply(value: number, mantissa: number, shift: number): number {
  const x = shift > 0 ? Math.imul(value, 1 << shift) : value;
  // The product has up to 62 bits; in two parts of the mantissa every step is exact in f64.
  const low = Math.floor((x * (mantissa & 0xffff) + 2 ** 30) / 2 ** 16);
  const high = Math.floor((x * (mantissa >>> 16) + low) / 2 ** 15);
  if (shift >= 0) return high;
  const mask = shift === -31 ? 0x7fffffff : (1 << -shift) - 1;
  const threshold = (mask >> 1) + (high < 0 ? 1 : 0);
  return (high >> -shift) + ((high & mask) > threshold ? 1 : 0);
}
