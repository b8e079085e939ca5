import { storeTransposed } from "../include/conv.simd";
import { firstOf, quantizer } from "../include/quantize.simd";
import { PackWeights } from "../include/records.simd";

/**
 * Codes of the master weights in the orders of the forward and of the backward pass: 4 outputs × 4 inputs
 * at a time. A part is a range of quads of outputs.
 */
export function pack_weights(c: PackWeights, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const taps = c.TAPS, IQ = c.IQ, z = quantizer(c.quantizers, c.W_ROW), int8 = c.INT8 != 0;
  const qmin = f32x4.splat(z.qmin), qmax = f32x4.splat(z.qmax), row = <usize>(taps * IQ) << 4;
  const perChannel = c.PER_CHANNEL != 0;
  for (let quad = firstOf(c.OQ, part, parts); quad < firstOf(c.OQ, part + 1, parts); quad++) {
    const scales = c.channels + <usize>(32 * quad);
    let s0 = f32x4.splat(z.scale), s1 = s0, s2 = s0, s3 = s0;
    let i0 = f32x4.splat(z.inverse), i1 = i0, i2 = i0, i3 = i0;
    if (perChannel) {
      s0 = v128.load32_splat(scales);
      i0 = v128.load32_splat(scales, 4);
      s1 = v128.load32_splat(scales, 8);
      i1 = v128.load32_splat(scales, 12);
      s2 = v128.load32_splat(scales, 16);
      i2 = v128.load32_splat(scales, 20);
      s3 = v128.load32_splat(scales, 24);
      i3 = v128.load32_splat(scales, 28);
    }
    let from = c.weight + <usize>(4 * quad) * row;
    for (let tap: i32 = 0; tap < taps; tap++) {
      for (let i: i32 = 0; i < IQ; i++, from += 16) {
        let a = v128.load(from), b = v128.load(from + row), d = v128.load(from + 2 * row);
        let e = v128.load(from + 3 * row);
        if (c.QUANTIZED) {
          a = codes(a, i0, qmin, qmax);
          b = codes(b, i1, qmin, qmax);
          d = codes(d, i2, qmin, qmax);
          e = codes(e, i3, qmin, qmax);
          if (int8) {
            storeCodes(c, quad, tap, i, a, b, d, e);
            continue;
          }
          a = f32x4.mul(a, s0);
          b = f32x4.mul(b, s1);
          d = f32x4.mul(d, s2);
          e = f32x4.mul(e, s3);
          const to = c.forward + <usize>(4 * (c.FIRST + quad)) * row + (<usize>(tap * IQ + i) << 4);
          v128.store(to, a);
          v128.store(to + row, b);
          v128.store(to + 2 * row, d);
          v128.store(to + 3 * row, e);
          if (!c.BACKWARD) continue;
        }
        // As [inputs, TAPS, outputs].
        const to = c.backward + (<usize>((4 * i * taps + tap) * c.ALL + c.FIRST + quad) << 4);
        storeTransposed(a, b, d, e, to, <usize>(taps * c.ALL) << 4);
      }
    }
  }
}

/** The codes of four weights, as f32. */
@inline
function codes(w: v128, inverse: v128, qmin: v128, qmax: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.nearest(f32x4.mul(w, inverse)), qmin), qmax);
}

/** Stores codes, a vector for each output, in the orders of packed_index.ts. */
@inline
function storeCodes(
  c: PackWeights, quad: i32, tap: i32, i: i32, a: v128, b: v128, d: v128, e: v128,
): void {
  const low = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(a), i32x4.trunc_sat_f32x4_s(b));
  const high = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(d), i32x4.trunc_sat_f32x4_s(e));
  const bytes = i8x16.narrow_i16x8_s(low, high), o = c.FIRST + quad;
  v128.store(c.forward + <usize>(16 * ((tap * c.IQ + i) * c.ALL + o)), bytes);
  if (!c.BACKWARD) return;
  const transposed = i8x16.shuffle(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  v128.store(c.backward + <usize>(16 * ((tap * c.ALL + o) * c.IQ + i)), transposed);
}
