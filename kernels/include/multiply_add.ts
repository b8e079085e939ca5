/**
 * Multiplying and adding in the references of convolutions. Integers are exact. In f32 each product
 * and each sum is rounded, so a kernel that keeps one f32 lane for each sum has the same bits.
 *
 * A sum that starts at +0 never becomes −0, so adding 0·w changes no bit as long as w is finite: for
 * finite numbers it is the same whether a kernel skips the padding or adds its zeros.
 *
 * @module
 */

const fround = Math.fround;

/** Adds `v`·x[from + k] to sums[to + k], for k from 0 to `count` − 1. In float64 integers are exact too. */
export function addMultiple(
  sums: Int32Array | Float32Array | Float64Array,
  to: number,
  v: number,
  x: Int8Array | Int16Array | Float32Array,
  from: number,
  count: number,
): void {
  if (sums instanceof Int32Array) {
    for (let k = 0; k < count; k++) sums[to + k]! += Math.imul(v, x[from + k]!);
  } else if (sums instanceof Float32Array) {
    for (let k = 0; k < count; k++) {
      sums[to + k] = fround(sums[to + k]! + fround(v * x[from + k]!));
    }
  } else {
    for (let k = 0; k < count; k++) sums[to + k]! += v * x[from + k]!;
  }
}

/** Adds x[from + k]·w[at + k] to sums[to + k], for k from 0 to `count` − 1. */
export function addProducts(
  sums: Int32Array | Float32Array,
  to: number,
  x: Int16Array | Float32Array,
  from: number,
  w: Int8Array | Int16Array | Float32Array,
  at: number,
  count: number,
): void {
  if (sums instanceof Int32Array) {
    for (let k = 0; k < count; k++) sums[to + k]! += Math.imul(x[from + k]!, w[at + k]!);
  } else {
    for (let k = 0; k < count; k++) {
      sums[to + k] = fround(sums[to + k]! + fround(x[from + k]! * w[at + k]!));
    }
  }
}
