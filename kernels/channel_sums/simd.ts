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

/** Sums of four channels, in f64, pixels ascending. */
function sumReals(c: ChannelSums, chunk: i32, quad: i32): void {
  const step = <usize>c.CQ << 4, last = min((chunk + 1) * c.CHUNK, c.PIXELS);
  const from = c.y + (<usize>quad << 4) + step * chunk * c.CHUNK, end = c.y + (<usize>quad << 4) + step * last;
  let a = f64x2.splat(0), b = f64x2.splat(0), s = f64x2.splat(0), t = f64x2.splat(0);
  for (let at = from; at < end; at += step) {
    const y = v128.load(at);
    a = f64x2.add(a, f64x2.promote_low_f32x4(y));
    b = f64x2.add(b, promoteHigh(y));
  }
  const pixels = f64x2.splat(<f64>(last - chunk * c.CHUNK));
  const low = f64x2.div(a, pixels), high = f64x2.div(b, pixels);
  for (let at = from; at < end; at += step) {
    const y = v128.load(at);
    const d = f64x2.sub(f64x2.promote_low_f32x4(y), low), e = f64x2.sub(promoteHigh(y), high);
    s = f64x2.add(s, f64x2.mul(d, d));
    t = f64x2.add(t, f64x2.mul(e, e));
  }
  storeSums(c.sums + 32 * (chunk * c.CQ + quad), a, b, s, t);
}
