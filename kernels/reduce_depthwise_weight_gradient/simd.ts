import { count, firstOf, isBad, quantizer } from "../include/quantize.simd";
import { ReduceDepthwiseWeightGradient, Step } from "../include/records.simd";

/**
 * dW (and db) from the chunks of depthwise_backward_weight, added in their order. A part is a range of
 * vectors of four weights.
 */
export function reduce_depthwise_weight_gradient(
  c: ReduceDepthwiseWeightGradient, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const x = quantizer(c.quantizers, c.X_ROW), dy = quantizer(c.quantizers, c.DY_ROW), size = c.TAPS * c.CQ;
  const first = <usize>firstOf(size, part, parts) << 4, last = <usize>firstOf(size, part + 1, parts) << 4;
  let bad = join(c, c.partial, c.gradient, first, last, <usize>size << 4, x.scale * dy.scale);
  count(c.statistics + (<usize>c.NONFINITE << 2), bad);
  if (!c.BIAS || part > 0) return;
  const bytes = <usize>c.CQ << 4;
  bad = join(c, c.dy_total, c.bias_gradient, 0, bytes, bytes, dy.scale);
  count(c.statistics + (<usize>c.BIAS_NONFINITE << 2), bad);
}

/**
 * Adds the bytes from `at` to `end` of all chunks of `size` bytes. Returns the vectors of four that are not
 * finite.
 */
function join(
  c: ReduceDepthwiseWeightGradient,
  chunks: usize, gradient: usize, at: usize, end: usize, size: usize, unit: f32,
): i32 {
  const adds = c.ACCUMULATE != 0 && changetype<Step>(c.step).first > 0, int8 = c.INT8 != 0;
  const factor = f32x4.splat(unit);
  let bad: i32 = 0;
  for (; at < end; at += 64) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, from = chunks + at;
    for (let chunk = c.CHUNKS; chunk > 0; chunk--, from += size) {
      let a = v128.load(from), b = v128.load(from, 16), d = v128.load(from, 32), e = v128.load(from, 48);
      if (int8) {
        a = f32x4.convert_i32x4_s(a);
        b = f32x4.convert_i32x4_s(b);
        d = f32x4.convert_i32x4_s(d);
        e = f32x4.convert_i32x4_s(e);
      }
      s0 = f32x4.add(s0, a);
      s1 = f32x4.add(s1, b);
      s2 = f32x4.add(s2, d);
      s3 = f32x4.add(s3, e);
    }
    for (let to = at; to < min(end, at + 64); to += 16) {
      let v = int8 ? f32x4.mul(s0, factor) : s0;
      if (adds) v = f32x4.add(v, v128.load(gradient + to));
      v128.store(gradient + to, v);
      bad += isBad(v);
      s0 = s1;
      s1 = s2;
      s2 = s3;
    }
  }
  return bad;
}
