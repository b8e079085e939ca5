import {
  findIntervals, intervalBytes, normalized4, passes4, periodOf, promoteHigh, QUAD_BYTES, storeSums,
  sumCodes, sumItems, vectorOf,
} from "../include/norm.simd";
import { firstOf, quantizer } from "../include/quantize.simd";
import { NormBackwardSums } from "../include/records.simd";

/**
 * Two sums per chunk and channel. First, of codes, the intervals that pass the gradient; then a part is a
 * range of chunks, and of the vectors of their channels.
 */
export function norm_backward_sums(c: NormBackwardSums, phase: i32, part: i32, parts: i32, scratch: usize): void {
  if (c.INT8 && phase == 0) {
    findIntervals(c.ACT, c.coefficients, c.CQ, c.quantizers, c.Y_ROW, c.shared);
    return;
  }
  const items = sumItems(c.INT8, c.CQ), last = firstOf(c.CHUNKS * items, part + 1, parts);
  for (let i = firstOf(c.CHUNKS * items, part, parts); i < last; i++) {
    if (c.INT8) sumVectors(c, i / items, i % items, items);
    else sumReals(c, i / items, i % items);
  }
}

function sumVectors(c: NormBackwardSums, chunk: i32, item: i32, items: i32): void {
  const quads = c.CQ, period = periodOf(quads), half = intervalBytes(quads), sums = c.sums + 32 * chunk * quads;
  const first = vectorOf(item, items, quads), last = vectorOf(item + 1, items, quads);
  const zero = <i32>quantizer(c.quantizers, c.DA_ROW).zero, zeroY = <i32>quantizer(c.quantizers, c.Y_ROW).zero;
  const from = 4 * quads * chunk * c.CHUNK, end = 4 * quads * min((chunk + 1) * c.CHUNK, c.PIXELS);
  const cleared = min(4 * (last - first), quads);
  memory.fill(sums + 128 * first, 0, 32 * cleared);
  for (let vector = first; vector < last; vector++) {
    const at = from + 16 * vector, interval = c.shared + 16 * vector;
    sumCodes(
      false, c.da + at, c.y + at, c.da + end, 4 * quads * period, v128.load(interval),
      v128.load(interval + half), zero, sums, 4 * vector, quads,
    );
  }
  // So far the second sum is Σ g·q: of q its zero point is still to be taken off.
  for (let to = sums + 128 * first, after = to + 32 * cleared; to < after; to += 16) {
    const v = v128.load(to), firsts = i32x4.shuffle(v, i32x4.splat(0), 4, 0, 4, 2);
    v128.store(to, i32x4.sub(v, i32x4.mul(firsts, i32x4.splat(zeroY))));
  }
}

/** Sums of four channels, in f64, pixels ascending. */
function sumReals(c: NormBackwardSums, chunk: i32, quad: i32): void {
  const map = c.coefficients + <usize>quad * QUAD_BYTES, mean = v128.load(map, 16), act = c.ACT;
  const step = <usize>c.CQ << 4, last = min((chunk + 1) * c.CHUNK, c.PIXELS);
  let from = (<usize>quad << 4) + step * chunk * c.CHUNK;
  let a = f64x2.splat(0), b = f64x2.splat(0), s = f64x2.splat(0), t = f64x2.splat(0);
  for (const end = (<usize>quad << 4) + step * last; from < end; from += step) {
    const y = v128.load(c.y + from), open = passes4(act, normalized4(map, y));
    const g = v128.and(v128.load(c.da + from), open), d = v128.and(f32x4.sub(y, mean), open);
    const g0 = f64x2.promote_low_f32x4(g), g1 = promoteHigh(g);
    a = f64x2.add(a, g0);
    b = f64x2.add(b, g1);
    s = f64x2.add(s, f64x2.mul(g0, f64x2.promote_low_f32x4(d)));
    t = f64x2.add(t, f64x2.mul(g1, promoteHigh(d)));
  }
  storeSums(c.sums + 32 * (chunk * c.CQ + quad), a, b, s, t);
}
