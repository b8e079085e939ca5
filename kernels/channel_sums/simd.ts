import { periodOf, promoteHigh, storeSums, sumCodes, sumItems, vectorOf } from "../include/norm.simd";
import { firstOf, quantizer } from "../include/quantize.simd";
import { ChannelSums } from "../include/records.simd";

/** Two sums per chunk and channel. A part is a range of chunks, and of the vectors of their channels. */
export function channel_sums(c: ChannelSums, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const items = sumItems(c.INT8, c.CQ), last = firstOf(c.CHUNKS * items, part + 1, parts);
  for (let i = firstOf(c.CHUNKS * items, part, parts); i < last; i++) {
    if (c.INT8) sumVectors(c, i / items, i % items, items);
    else sumReals(c, i / items, i % items);
  }
}

function sumVectors(c: ChannelSums, chunk: i32, item: i32, items: i32): void {
  const quads = c.CQ, sums = c.sums + 32 * chunk * quads, zero = <i32>quantizer(c.quantizers, c.Y_ROW).zero;
  const first = vectorOf(item, items, quads), last = vectorOf(item + 1, items, quads);
  const from = 4 * quads * chunk * c.CHUNK, end = 4 * quads * min((chunk + 1) * c.CHUNK, c.PIXELS);
  memory.fill(sums + 128 * first, 0, 32 * min(4 * (last - first), quads));
  const step = 4 * quads * periodOf(quads), none = i8x16.splat(0);
  for (let vector = first; vector < last; vector++) {
    const at = c.y + from + 16 * vector;
    sumCodes(true, at, at, c.y + end, step, none, none, zero, sums, 4 * vector, quads);
  }
}

/**
 * Sums of eight channels, or of the last four, in f64, pixels ascending. With four, a sum waits for the one
 * before it.
 */
function sumReals(c: ChannelSums, chunk: i32, pair: i32): void {
  const quad = 2 * pair, isPair = quad + 1 < c.CQ, other: usize = isPair ? 16 : 0;
  const step = <usize>c.CQ << 4, pixel = chunk * c.CHUNK, count = min(c.CHUNK, c.PIXELS - pixel);
  const from = c.y + (<usize>quad << 4) + step * pixel, end = from + step * count;
  let a = f64x2.splat(0), b = f64x2.splat(0), e = f64x2.splat(0), f = f64x2.splat(0);
  for (let at = from; at < end; at += step) {
    const y = v128.load(at), z = v128.load(at + other);
    a = f64x2.add(a, f64x2.promote_low_f32x4(y));
    b = f64x2.add(b, promoteHigh(y));
    e = f64x2.add(e, f64x2.promote_low_f32x4(z));
    f = f64x2.add(f, promoteHigh(z));
  }
  const n = f64x2.splat(<f64>count), meanA = f64x2.div(a, n), meanB = f64x2.div(b, n);
  const meanE = f64x2.div(e, n), meanF = f64x2.div(f, n);
  let s = f64x2.splat(0), t = f64x2.splat(0), u = f64x2.splat(0), v = f64x2.splat(0);
  for (let at = from; at < end; at += step) {
    const y = v128.load(at), z = v128.load(at + other);
    s = f64x2.add(s, square(f64x2.sub(f64x2.promote_low_f32x4(y), meanA)));
    t = f64x2.add(t, square(f64x2.sub(promoteHigh(y), meanB)));
    u = f64x2.add(u, square(f64x2.sub(f64x2.promote_low_f32x4(z), meanE)));
    v = f64x2.add(v, square(f64x2.sub(promoteHigh(z), meanF)));
  }
  const to = c.sums + 32 * (chunk * c.CQ + quad);
  storeSums(to, a, b, s, t);
  if (isPair) storeSums(to + 32, e, f, u, v);
}

@inline
function square(d: v128): v128 {
  return f64x2.mul(d, d);
}
