import { firstOf, quantizer } from "../include/quantize.simd";
import { symmetricScale } from "../include/range.simd";
import { QuantizeDepthwiseWeights } from "../include/records.simd";

/** Codes of a depthwise convolution's master weights. A part is a range of quads of channels. */
export function quantize_depthwise_weights(
  c: QuantizeDepthwiseWeights, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const z = quantizer(c.quantizers, c.W_ROW), row = <usize>c.CQ << 4, end = <usize>c.TAPS * row;
  const qmin = f32x4.splat(z.qmin), qmax = f32x4.splat(z.qmax), int8 = c.INT8 != 0;
  let scale = f32x4.splat(z.scale), inverse = f32x4.splat(z.inverse);
  for (let quad = firstOf(c.CQ, part, parts); quad < firstOf(c.CQ, part + 1, parts); quad++) {
    const first = <usize>quad << 4;
    if (c.PER_CHANNEL) {
      let most = f32x4.splat(0);
      // max, not pmax: a NaN must remain.
      for (let at = first; at < end; at += row) {
        most = f32x4.max(most, f32x4.abs(v128.load(c.weight + at)));
      }
      scale = symmetricScale(most, qmax);
      inverse = f32x4.div(f32x4.splat(1), scale);
    }
    for (let at = first; at < end; at += row) {
      const t = f32x4.nearest(f32x4.mul(v128.load(c.weight + at), inverse));
      const code = f32x4.pmin(f32x4.pmax(t, qmin), qmax);
      if (!int8) {
        v128.store(c.forward + at, f32x4.mul(code, scale));
        continue;
      }
      const words = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(code), i32x4.splat(0));
      v128.store32_lane(c.forward + (at >> 2), i8x16.narrow_i16x8_s(words, words), 0);
    }
    if (int8) v128.store(c.scales + first, scale);
  }
}
