import { count, firstOf, isBad, quantizer } from "../include/quantize.simd";
import { ReduceWeightGradient, Step } from "../include/records.simd";

/** dW (and db) from the chunks of conv_backward_weight, added in their order. A part is a range of outputs. */
export function reduce_weight_gradient(
  c: ReduceWeightGradient, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const adds = c.ACCUMULATE != 0 && changetype<Step>(c.step).first > 0;
  let bad: i32 = 0;
  for (let o = firstOf(4 * c.OQ, part, parts); o < firstOf(4 * c.OQ, part + 1, parts); o++) {
    bad += reduceRow(c, o, adds, scratch);
  }
  count(c.statistics + (<usize>c.NONFINITE << 2), bad);
  if (c.BIAS && part == 0) reduceBias(c, adds);
}

/** Pixels of a chunk. */
@inline
function pixelsOf(c: ReduceWeightGradient, chunk: i32): i32 {
  return min(c.CHUNK, c.PIXELS - chunk * c.CHUNK);
}

/** The weights of one output. Returns the vectors of four that are not finite. */
function reduceRow(c: ReduceWeightGradient, o: i32, adds: bool, sums: usize): i32 {
  const values = c.TAPS * 4 * c.IQ, outputs = 4 * c.OQ, bytes = <usize>values << 2, int8 = c.INT8 != 0;
  const x = quantizer(c.quantizers, c.X_ROW), dy = quantizer(c.quantizers, c.DY_ROW);
  const zeroX = int8 ? <i32>x.zero : 0, zeroDy = int8 ? <i32>dy.zero : 0, vzeroDy = i32x4.splat(zeroDy);
  memory.fill(sums, 0, bytes);
  for (let chunk: i32 = 0; chunk < c.CHUNKS; chunk++) {
    let from = c.partial + <usize>(chunk * outputs + o) * bytes, to = sums;
    const end = to + bytes;
    if (!int8) {
      for (; to < end; to += 16, from += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
      continue;
    }
    // Wraps around, but the sum of all terms is less than 2³¹: 32,768 pixels of 255 · 255.
    const dyTotal = load<i32>(c.dy_total + (<usize>(chunk * outputs + o) << 2));
    const same = i32x4.splat(pixelsOf(c, chunk) * zeroX * zeroDy - zeroX * dyTotal);
    let total = c.x_total + <usize>chunk * bytes;
    for (; to < end; to += 16, from += 16, total += 16) {
      const products = i32x4.sub(v128.load(from), i32x4.mul(vzeroDy, v128.load(total)));
      v128.store(to, f32x4.add(v128.load(to), f32x4.convert_i32x4_s(i32x4.add(products, same))));
    }
  }
  const unit = f32x4.splat(x.scale * dy.scale);
  let to = c.gradient + <usize>o * bytes, bad: i32 = 0;
  for (const end = to + bytes; to < end; to += 16, sums += 16) {
    let v = v128.load(sums);
    if (int8) v = f32x4.mul(v, unit);
    if (adds) v = f32x4.add(v, v128.load(to));
    v128.store(to, v);
    bad += isBad(v);
  }
  return bad;
}

function reduceBias(c: ReduceWeightGradient, adds: bool): void {
  const int8 = c.INT8 != 0, dy = quantizer(c.quantizers, c.DY_ROW), scale = f32x4.splat(dy.scale);
  let bad: i32 = 0;
  for (let o: i32 = 0; o < 4 * c.OQ; o += 4) {
    let sum = f32x4.splat(0);
    for (let chunk: i32 = 0; chunk < c.CHUNKS; chunk++) {
      let v = v128.load(c.dy_total + (<usize>(chunk * 4 * c.OQ + o) << 2));
      if (int8) v = f32x4.convert_i32x4_s(i32x4.sub(v, i32x4.splat(pixelsOf(c, chunk) * <i32>dy.zero)));
      sum = f32x4.add(sum, v);
    }
    const to = c.bias_gradient + (<usize>(4 * c.FIRST + o) << 2);
    if (int8) sum = f32x4.mul(sum, scale);
    if (adds) sum = f32x4.add(sum, v128.load(to));
    v128.store(to, sum);
    bad += isBad(sum);
  }
  count(c.statistics + (<usize>c.BIAS_NONFINITE << 2), bad);
}
