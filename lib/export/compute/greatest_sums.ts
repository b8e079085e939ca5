/**
 * How far sums of products of int8 codes can go.
 *
 * @module
 */

/** Sums below it fit int32. */
export const SUM_LIMIT = 2 ** 31;

/**
 * Returns the greatest size of a sum of (x − zero) · weight, by output, for any codes x; exact.
 *
 * @param weight codes, [outputs][products]
 * @param zero zero point of the codes x, −128 to 127
 */
export function greatestSums(weight: Int8Array, outputs: number, zero: number): Float64Array {
  const furthest = Math.max(127 - zero, zero + 128), size = weight.length / outputs;
  const sums = new Float64Array(outputs);
  for (let k = 0; k < outputs; k++) {
    let sum = 0;
    for (let i = k * size; i < (k + 1) * size; i++) sum += Math.abs(weight[i]!);
    sums[k] = sum * furthest;
  }
  return sums;
}
