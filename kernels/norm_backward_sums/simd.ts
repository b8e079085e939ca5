import {
  findIntervals, intervalBytes, passes4, periodOf, promoteHigh, QUAD_BYTES, storeSums,
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
    findIntervals(c.ACT, c.coefficients, c.CQ, c.quantizers, c.Y_ROW, c.shared, part, parts);
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

function sumReals(c: NormBackwardSums, chunk: i32, pair: i32): void {
  for (let quad = 2 * pair; quad < min(2 * pair + 2, c.CQ); quad++) {
    if (c.ACT == 0) sumQuad(0, c, chunk, quad);
    else if (c.ACT == 1) sumQuad(1, c, chunk, quad);
    else sumQuad(2, c, chunk, quad);
  }
}

/** Sums of four channels, in f64, pixels ascending. */
@inline
function sumQuad(act: i32, c: NormBackwardSums, chunk: i32, quad: i32): void {
  const map = c.coefficients + <usize>quad * QUAD_BYTES, step = <usize>c.CQ << 4;
  const k = v128.load(map), mean = v128.load(map, 16), beta = v128.load(map, 32);
  const pixel = chunk * c.CHUNK, from = (<usize>quad << 4) + step * pixel;
  let y = c.y + from, da = c.da + from;
  let a = f64x2.splat(0), b = f64x2.splat(0), s = f64x2.splat(0), t = f64x2.splat(0);
  for (const end = y + step * (min(pixel + c.CHUNK, c.PIXELS) - pixel); y < end; y += step, da += step) {
    let g = v128.load(da), d = f32x4.sub(v128.load(y), mean);
    if (act) {
      const open = passes4(act, f32x4.add(f32x4.mul(k, d), beta));
      g = v128.and(g, open);
      d = v128.and(d, open);
    }
    const g0 = f64x2.promote_low_f32x4(g), g1 = promoteHigh(g);
    a = f64x2.add(a, g0);
    b = f64x2.add(b, g1);
    s = f64x2.add(s, f64x2.mul(g0, f64x2.promote_low_f32x4(d)));
    t = f64x2.add(t, f64x2.mul(g1, promoteHigh(d)));
  }
  storeSums(c.sums + 32 * (chunk * c.CQ + quad), a, b, s, t);
}
