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
  const bytes = <usize>(c.TAPS * c.IQ) << 4, int8 = c.INT8 != 0, chunks = c.CHUNKS;
  const x = quantizer(c.quantizers, c.X_ROW), dy = quantizer(c.quantizers, c.DY_ROW);
  memory.fill(sums, 0, bytes);
  let chunk: i32 = 0;
  // Four chunks at once, so that a sum is loaded and stored a quarter as often: 0.5 → 0.3 ns a value in resnet20.
  if (int8) {
    for (; chunk + 4 <= chunks; chunk += 4) addCodes(c, chunk, o, sums, bytes, 4);
    for (; chunk < chunks; chunk++) addCodes(c, chunk, o, sums, bytes, 1);
  } else {
    for (; chunk + 4 <= chunks; chunk += 4) addReal(c, chunk, o, sums, bytes, 4);
    for (; chunk < chunks; chunk++) addReal(c, chunk, o, sums, bytes, 1);
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

/** Adds the real values of one chunk or of four to the sums of output `o`. */
@inline
function addReal(c: ReduceWeightGradient, chunk: i32, o: i32, sums: usize, bytes: usize, count: i32): void {
  const stride = <usize>(4 * c.OQ) * bytes, end = sums + bytes;
  let a = c.partial + <usize>(chunk * 4 * c.OQ + o) * bytes;
  for (; sums < end; sums += 16, a += 16) {
    let sum = f32x4.add(v128.load(sums), v128.load(a));
    if (count == 4) {
      sum = f32x4.add(sum, v128.load(a + stride));
      sum = f32x4.add(sum, v128.load(a + 2 * stride));
      sum = f32x4.add(sum, v128.load(a + 3 * stride));
    }
    v128.store(sums, sum);
  }
}

/** Adds the products of codes of one chunk or of four, less those of zero points. */
@inline
function addCodes(c: ReduceWeightGradient, chunk: i32, o: i32, sums: usize, bytes: usize, count: i32): void {
  const stride = <usize>(4 * c.OQ) * bytes, end = sums + bytes, four = count == 4;
  const zeroDy = i32x4.splat(<i32>quantizer(c.quantizers, c.DY_ROW).zero), s0 = sameOf(c, chunk, o);
  const s1 = four ? sameOf(c, chunk + 1, o) : s0, s2 = four ? sameOf(c, chunk + 2, o) : s0;
  const s3 = four ? sameOf(c, chunk + 3, o) : s0;
  let a = c.partial + <usize>(chunk * 4 * c.OQ + o) * bytes, total = c.x_total + <usize>chunk * bytes;
  for (; sums < end; sums += 16, a += 16, total += 16) {
    let sum = f32x4.add(v128.load(sums), termOf(a, total, zeroDy, s0));
    if (four) {
      sum = f32x4.add(sum, termOf(a + stride, total + bytes, zeroDy, s1));
      sum = f32x4.add(sum, termOf(a + 2 * stride, total + 2 * bytes, zeroDy, s2));
      sum = f32x4.add(sum, termOf(a + 3 * stride, total + 3 * bytes, zeroDy, s3));
    }
    v128.store(sums, sum);
  }
}

/** What zero points add to every sum of a chunk and an output. */
@inline
function sameOf(c: ReduceWeightGradient, chunk: i32, o: i32): v128 {
  const zeroX = <i32>quantizer(c.quantizers, c.X_ROW).zero, zeroDy = <i32>quantizer(c.quantizers, c.DY_ROW).zero;
  const dyTotal = load<i32>(c.dy_total + (<usize>(chunk * 4 * c.OQ + o) << 2));
  return i32x4.splat(zeroX * (pixelsOf(c, chunk) * zeroDy - dyTotal));
}

/** Wraps around, but the sum of all terms is less than 2³¹: 32,768 pixels of 255 · 255. */
@inline
function termOf(partial: usize, total: usize, zeroDy: v128, same: v128): v128 {
  const products = i32x4.sub(v128.load(partial), i32x4.mul(zeroDy, v128.load(total)));
  return f32x4.convert_i32x4_s(i32x4.add(products, same));
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
