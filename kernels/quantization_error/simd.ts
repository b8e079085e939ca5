import { firstOf, lanesBelow, loadReal, quantizer } from "../include/quantize.simd";
import { QuantizationError } from "../include/records.simd";

/**
 * Σ x², Σ x·e and Σ e² of each tile, in f64, values ascending. A part is a range of pairs of tiles: the
 * lanes of a vector are the sums of two tiles, so that each sum keeps its order.
 */
export function quantization_error(
  c: QuantizationError, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const quads = 64 * c.R, pairs = ((c.QUADS + quads - 1) / quads + 1) >> 1;
  const last = firstOf(pairs, part + 1, parts);
  for (let pair = firstOf(pairs, part, parts); pair < last; pair++) sumPair(c, 2 * pair, quads);
}

// The sums of two tiles. Globals of a module are the thread's own.
let xx: v128 = f64x2.splat(0), xe: v128 = f64x2.splat(0), ee: v128 = f64x2.splat(0);

/** The sums of tiles `tile` and `tile` + 1, if there is one; it may be shorter. */
function sumPair(c: QuantizationError, tile: i32, quads: i32): void {
  const first = tile * quads, left = c.QUADS - first, both = min(max(left - quads, 0), quads);
  const z = f64x2.splat(0), to = c.errors + (<usize>tile << 4);
  xx = z;
  xe = z;
  ee = z;
  if (both > 0) {
    if (c.SEARCH) addQuads(c, first, first + quads, both, true);
    else addQuads(c, first, first + quads, both, false);
    storeSums(to + 16, f64x2.extract_lane(xx, 1), f64x2.extract_lane(xe, 1), f64x2.extract_lane(ee, 1));
  }
  const rest = min(left, quads) - both;
  if (rest > 0) {
    // The second tile has ended: the first alone, in both lanes.
    if (c.SEARCH) addQuads(c, first + both, first + both, rest, true);
    else addQuads(c, first + both, first + both, rest, false);
  }
  storeSums(to, f64x2.extract_lane(xx, 0), f64x2.extract_lane(xe, 0), f64x2.extract_lane(ee, 0));
}

/** Adds `count` quads from quad `at` on in the first lanes, and from `other` on in the second. */
@inline
function addQuads(c: QuantizationError, at: i32, other: i32, count: i32, search: bool): void {
  const z = quantizer(c.quantizers, c.ROW), scale = f32x4.splat(z.scale), int8 = c.INT8 != 0, q = c.q;
  const zero = search ? f32x4.splat(z.zero) : i32x4.splat(<i32>z.zero), inverse = f32x4.splat(z.inverse);
  const down = f32x4.splat(z.qmin), up = f32x4.splat(z.qmax), ragged = (c.CHANNELS & 3) != 0;
  const away = <usize>(other - at) << 4;
  let from = c.real_values + (<usize>at << 4), a = xx, b = xe, d = ee;
  for (const end = from + (<usize>count << 4); from < end; from += 16, at++, other++) {
    let x = v128.load(from), y = v128.load(from + away);
    let e = search ? nearestTo(x, inverse, zero, down, up, scale) : loadReal(int8, q, 4 * at, zero, scale);
    let f = search ? nearestTo(y, inverse, zero, down, up, scale) : loadReal(int8, q, 4 * other, zero, scale);
    e = f32x4.sub(e, x);
    f = f32x4.sub(f, y);
    if (ragged) {
      // 0 adds nothing: no sum is ever −0.
      const mask = realLanes(c, at), otherMask = realLanes(c, other);
      x = v128.and(x, mask);
      e = v128.and(e, mask);
      y = v128.and(y, otherMask);
      f = v128.and(f, otherMask);
    }
    let xs = i32x4.shuffle(x, y, 0, 4, 1, 5), es = i32x4.shuffle(e, f, 0, 4, 1, 5);
    for (let half: i32 = 0; half < 2; half++) {
      let v = f64x2.promote_low_f32x4(xs), w = f64x2.promote_low_f32x4(es);
      a = f64x2.add(a, f64x2.mul(v, v));
      b = f64x2.add(b, f64x2.mul(v, w));
      d = f64x2.add(d, f64x2.mul(w, w));
      v = f64x2.promote_low_f32x4(i64x2.shuffle(xs, xs, 1, 1));
      w = f64x2.promote_low_f32x4(i64x2.shuffle(es, es, 1, 1));
      a = f64x2.add(a, f64x2.mul(v, v));
      b = f64x2.add(b, f64x2.mul(v, w));
      d = f64x2.add(d, f64x2.mul(w, w));
      xs = i32x4.shuffle(x, y, 2, 6, 3, 7);
      es = i32x4.shuffle(e, f, 2, 6, 3, 7);
    }
  }
  xx = a;
  xe = b;
  ee = d;
}

function storeSums(to: usize, xx: f64, xe: f64, ee: f64): void {
  store<f32>(to, <f32>xx);
  store<f32>(to, <f32>xe, 4);
  store<f32>(to, <f32>ee, 8);
  store<f32>(to, 0, 12);
}

/** The real values that the nearest codes stand for. */
@inline
function nearestTo(x: v128, inverse: v128, zero: v128, qmin: v128, qmax: v128, scale: v128): v128 {
  const code = f32x4.add(f32x4.nearest(f32x4.mul(x, inverse)), zero);
  return f32x4.mul(f32x4.sub(f32x4.pmin(f32x4.pmax(code, qmin), qmax), zero), scale);
}

/** All ones in the lanes of a quad that are not padding. */
@inline
function realLanes(c: QuantizationError, quad: i32): v128 {
  return lanesBelow(c.CHANNELS - 4 * (quad % c.CQ));
}
