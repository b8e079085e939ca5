/**
 * Convolutions in plain loops: of groups for which there is no SIMD loop, and what tests hold the SIMD
 * loops against.
 *
 * @module
 */
import type { Convolution } from "./convolution.ts";

/** Values, and the sums of their products. */
type Numbers = Int8Array | Float32Array;

/**
 * Adds the products of a convolution to `sums`, [n, ho, wo, o]: those of a sum tap by tap, inputs
 * ascending, each product and each sum rounded to f32 where `sums` is.
 */
export function addProducts(
  { n, h, w, c, ho, wo, o, kernel: [kh, kw], stride: [sy, sx], top, left, groups }: Convolution,
  x: Numbers,
  zero: number,
  weight: Numbers,
  sums: Int32Array | Float32Array,
): void {
  const inputs = c / groups, outputs = o / groups;
  for (let pixel = 0; pixel < n * ho * wo; pixel++) {
    const image = Math.floor(pixel / (ho * wo)), oy = Math.floor(pixel / wo) % ho, ox = pixel % wo;
    for (let tap = 0; tap < kh * kw; tap++) {
      const iy = oy * sy - top + Math.floor(tap / kw), ix = ox * sx - left + tap % kw;
      if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
      const from = ((image * h + iy) * w + ix) * c;
      for (let output = 0; output < o; output++) {
        const first = from + Math.floor(output / outputs) * inputs;
        const weights = (output * kh * kw + tap) * inputs, to = pixel * o + output;
        for (let input = 0; input < inputs; input++) {
          // Products of codes are below 2^24, so that rounding keeps them.
          sums[to]! += Math.fround((x[first + input]! - zero) * weight[weights + input]!);
        }
      }
    }
  }
}
