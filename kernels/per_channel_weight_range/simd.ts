import { firstOf, quantizer } from "../include/quantize.simd";
import { symmetricScale } from "../include/range.simd";
import { PerChannelWeightRange } from "../include/records.simd";

/** Scale and 1/scale of each output channel. A part is a range of output channels. */
export function per_channel_weight_range(
  c: PerChannelWeightRange, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const bytes = <usize>c.SIZE << 4, qmax = f32x4.splat(quantizer(c.quantizers, c.W_ROW).qmax);
  for (let o = firstOf(4 * c.OQ, part, parts); o < firstOf(4 * c.OQ, part + 1, parts); o++) {
    let from = c.weight + <usize>o * bytes, most = f32x4.splat(0);
    // max, not pmax: a NaN must remain.
    for (const end = from + bytes; from < end; from += 16) most = f32x4.max(most, f32x4.abs(v128.load(from)));
    most = f32x4.max(most, i64x2.shuffle(most, most, 1, 0));
    most = f32x4.max(most, i32x4.shuffle(most, most, 1, 0, 3, 2));
    const scale = symmetricScale(most, qmax), to = c.channels + (<usize>o << 3);
    store<f32>(to, f32x4.extract_lane(scale, 0));
    store<f32>(to, f32x4.extract_lane(f32x4.div(f32x4.splat(1), scale), 0), 4);
  }
}
