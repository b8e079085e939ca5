/**
 * Convolutions of the interpreters of exported files: of int8 codes, exact, and of float32 values in a
 * fixed order, so that neither depends on how many images are computed together.
 *
 * @module
 */
import type { Convolution } from "./convolution.ts";
import { addProducts } from "./plain.ts";
import { clip, type Clipping, requantize, type Requantizer } from "./requantize.ts";
import { convolveSimd } from "./simd.ts";

/**
 * Returns the sums of (x − zero) · weight, [n, ho, wo, o]; padding adds nothing.
 *
 * @param x codes, [n, h, w, c]
 * @param zero zero point of the codes, −128 to 127
 * @param weight codes, [o, kernel height, kernel width, c / groups]; the caller has made sure that no sum
 *     exceeds int32
 */
export function convolveCodes(
  sizes: Convolution,
  x: Int8Array,
  zero: number,
  weight: Int8Array,
): Int32Array<ArrayBuffer> {
  const sums = new Int32Array(countOf(sizes));
  if (isSimd(sizes)) convolveSimd({ sizes, x, zero, weight }, sums);
  else addProducts(sizes, x, zero, weight, sums);
  return sums;
}

/**
 * Returns codes, [n, ho, wo, o]: the sums of {@linkcode convolveCodes}, requantized before they leave the
 * cache.
 */
export function convolveToCodes(
  sizes: Convolution,
  x: Int8Array,
  zero: number,
  weight: Int8Array,
  requantizer: Requantizer,
): Int8Array<ArrayBuffer> {
  if (!isSimd(sizes)) {
    return requantize(convolveCodes(sizes, x, zero, weight), sizes.o, requantizer);
  }
  const codes = new Int8Array(countOf(sizes));
  convolveSimd({ sizes, x, zero, weight, finish: requantizer }, codes);
  return codes;
}

/**
 * Returns the sums of x · weight, [n, ho, wo, o]; padding adds nothing. Products are rounded to f32 and
 * added tap by tap, inputs ascending, in f32.
 *
 * @param x values, [n, h, w, c]
 * @param weight finite values, [o, kernel height, kernel width, c / groups]
 */
export function convolveReals(
  sizes: Convolution,
  x: Float32Array,
  weight: Float32Array,
  clipping?: Clipping,
): Float32Array<ArrayBuffer> {
  const sums = new Float32Array(countOf(sizes));
  if (isSimd(sizes)) convolveSimd({ sizes, x, zero: 0, weight, finish: clipping }, sums);
  else {
    addProducts(sizes, x, 0, weight, sums);
    if (clipping) clip(sums, sizes.o, clipping);
  }
  return sums;
}

function countOf({ n, ho, wo, o }: Convolution): number {
  return n * ho * wo * o;
}

/** The largest step between depthwise windows of a row: four windows are laid out together. */
const MAX_STRIDE = 16;

/** Whether there are SIMD loops for a convolution: of one group, or of one for each output. */
function isSimd({ c, o, groups, stride }: Convolution): boolean {
  return groups === 1 || groups === c && groups === o && stride[1] <= MAX_STRIDE;
}
