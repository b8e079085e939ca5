import { firstOf, lanesBelow, loadReal, quantizer } from "../include/quantize.simd";
import { QuantizationError } from "../include/records.simd";

/**
 * Σ x², Σ x·e and Σ e² of each tile, in f64, values ascending. A part is a range of pairs of tiles: the
 * lanes of a vector are the sums of two tiles, so that each sum keeps its order.
 */
export function quantization_error(
  c: QuantizationError, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const quads = 64 * c.R, pairs = ((c.QUADS + quads - 1) / quads + 1) >> 1, ragged = (c.CHANNELS & 3) != 0;
  const last = firstOf(pairs, part + 1, parts);
  for (let pair = firstOf(pairs, part, parts); pair < last; pair++) sumPair(c, 2 * pair, quads, ragged);
}

/** The sums of tiles `tile` and `tile` + 1, if there is one. */
function sumPair(c: QuantizationError, tile: i32, quads: i32, ragged: bool): void {
  let xx = f64x2.splat(0), xe = xx, ee = xx;
  const first = tile * quads, left = c.QUADS - first, z = quantizer(c.quantizers, c.ROW);
  const zero = f32x4.splat(z.zero), zeroCode = i32x4.splat(<i32>z.zero), scale = f32x4.splat(z.scale);
  const inverse = f32x4.splat(z.inverse), down = f32x4.splat(z.qmin), up = f32x4.splat(z.qmax);
  const int8 = c.INT8 != 0, search = c.SEARCH != 0;
  for (let i: i32 = 0; i < min(quads, left); i++) {
    const at = first + i, other = i < left - quads;
    let x = v128.load(c.real_values + (<usize>at << 4)), y = f32x4.splat(0), d = y, e = y;
    if (other) y = v128.load(c.real_values + (<usize>(at + quads) << 4));
    if (search) {
      d = f32x4.sub(nearestTo(x, inverse, zero, down, up, scale), x);
      e = f32x4.sub(nearestTo(y, inverse, zero, down, up, scale), y);
    } else {
      d = f32x4.sub(loadReal(int8, c.q, 4 * at, zeroCode, scale), x);
      if (other) e = f32x4.sub(loadReal(int8, c.q, 4 * (at + quads), zeroCode, scale), y);
    }
    if (ragged) {
      // 0 adds nothing: no sum is ever −0.
      const mask = realLanes(c, at), otherMask = realLanes(c, at + quads);
      x = v128.and(x, mask);
      d = v128.and(d, mask);
      y = v128.and(y, otherMask);
      e = v128.and(e, otherMask);
    }
    const x01 = i32x4.shuffle(x, y, 0, 4, 1, 5), x23 = i32x4.shuffle(x, y, 2, 6, 3, 7);
    const e01 = i32x4.shuffle(d, e, 0, 4, 1, 5), e23 = i32x4.shuffle(d, e, 2, 6, 3, 7);
    for (let lane: i32 = 0; lane < 4; lane++) {
      const xs = lane < 2 ? x01 : x23, es = lane < 2 ? e01 : e23;
      const a = f64x2.promote_low_f32x4(lane & 1 ? i64x2.shuffle(xs, xs, 1, 1) : xs);
      const b = f64x2.promote_low_f32x4(lane & 1 ? i64x2.shuffle(es, es, 1, 1) : es);
      xx = f64x2.add(xx, f64x2.mul(a, a));
      xe = f64x2.add(xe, f64x2.mul(a, b));
      ee = f64x2.add(ee, f64x2.mul(b, b));
    }
  }
  storeSums(c.errors + (<usize>tile << 4), f64x2.extract_lane(xx, 0), f64x2.extract_lane(xe, 0), f64x2.extract_lane(ee, 0));
  if (left <= quads) return;
  storeSums(c.errors + (<usize>(tile + 1) << 4), f64x2.extract_lane(xx, 1), f64x2.extract_lane(xe, 1), f64x2.extract_lane(ee, 1));
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
