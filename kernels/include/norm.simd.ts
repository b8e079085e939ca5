// SIMD form of kernels/include/norm.wgsl: the affine map of batch norm, the activation after it, and sums
// by channel. Codes are taken 16 at a time: where a pixel's channels do not fill vectors of 16, two or
// four pixels together do, and what is kept by channel is repeated for each (a period).
import { firstOf, quantizer } from "./quantize.simd";

/** Bytes of a quad's six coefficients: a, mean, beta, c1, c2, 1/√(variance + ε), a vector each. */
export const QUAD_BYTES: usize = 96;

/** Number of pixels whose channels fill vectors of 16 codes. */
@inline
export function periodOf(quads: i32): i32 {
  return quads & 1 ? 4 : quads & 2 ? 2 : 1;
}

/** Returns the coefficients of a period's quads: `table`, or copies of it that `to` gets. */
export function repeatCoefficients(table: usize, quads: i32, to: usize): usize {
  const pixels = periodOf(quads), bytes = <usize>quads * QUAD_BYTES;
  if (pixels == 1) return table;
  for (let pixel: i32 = 0; pixel < pixels; pixel++) memory.copy(to + pixel * bytes, table, bytes);
  return to;
}

/** Bytes of the copies that `repeatCoefficients` makes. */
@inline
export function repeatedBytes(quads: i32): usize {
  const pixels = periodOf(quads);
  return pixels == 1 ? 0 : <usize>(pixels * quads) * QUAD_BYTES;
}

/** a·(y − mean) + beta, with a quad's coefficients. */
@inline
export function normalized4(quad: usize, y: v128): v128 {
  return f32x4.add(f32x4.mul(v128.load(quad), f32x4.sub(y, v128.load(quad, 16))), v128.load(quad, 32));
}

/** Smallest value that the activation `act` returns: 0 none, 1 ReLU, 2 ReLU6. */
@inline
export function bottomOf(act: i32): f32 {
  return act == 0 ? -Infinity : 0;
}

/** Largest value that the activation returns. */
@inline
export function topOf(act: i32): f32 {
  return act == 2 ? 6 : Infinity;
}

/** Applies an activation; NaN and −0 stay. */
@inline
export function activate4(v: v128, bottom: v128, top: v128): v128 {
  return f32x4.pmin(f32x4.pmax(v, bottom), top);
}

/** All ones where the activation `act` passes a gradient on; `v` is the value before clipping. */
@inline
export function passes4(act: i32, v: v128): v128 {
  if (act == 0) return i32x4.splat(-1);
  const above = f32x4.gt(v, f32x4.splat(0));
  return act == 1 ? above : v128.and(above, f32x4.lt(v, f32x4.splat(6)));
}

// --- Which codes pass a gradient ---
// a·(y − mean) + beta never falls (a ≥ 0) or never rises (a < 0) as y rises, each rounded operation does
// neither: so the codes of a channel that pass the gradient are an interval. It is searched once, and then
// two comparisons of 16 codes replace the map of 16 real values.

/**
 * Bytes of one bound of the intervals: a byte for each channel of a period. The least codes come first, then
 * the greatest.
 */
@inline
export function intervalBytes(quads: i32): usize {
  return <usize>(periodOf(quads) * quads) << 2;
}

/**
 * Finds the codes of each channel that pass a gradient through the activation `act`; writes them to `to`. A
 * part is a range of quads.
 */
export function findIntervals(
  act: i32, table: usize, quads: i32, quantizers: usize, row: i32, to: usize, part: i32, parts: i32,
): void {
  const z = quantizer(quantizers, row), zero = i32x4.splat(<i32>z.zero), scale = f32x4.splat(z.scale);
  const half = intervalBytes(quads), copies = periodOf(quads);
  const end = firstOf(quads, part + 1, parts);
  for (let quad = firstOf(quads, part, parts); quad < end; quad++) {
    let least = i32x4.splat(-128), most = i32x4.splat(127);
    if (act) {
      const at = table + <usize>quad * QUAD_BYTES;
      // All ones where a < 0: the codes −1 − q then rise as q falls.
      const falls = f32x4.lt(v128.load(at), f32x4.splat(0));
      const first = firstCode(at, falls, zero, scale, false);
      const after = act == 2 ? firstCode(at, falls, zero, scale, true) : i32x4.splat(128);
      const last = i32x4.sub(after, i32x4.splat(1));
      const none = i32x4.gt_s(first, last);
      least = v128.bitselect(v128.xor(last, falls), v128.xor(first, falls), falls);
      most = v128.bitselect(v128.xor(first, falls), v128.xor(last, falls), falls);
      least = v128.bitselect(i32x4.splat(127), least, none);
      most = v128.bitselect(i32x4.splat(-128), most, none);
    }
    for (let copy: i32 = 0; copy < copies; copy++) {
      const place = to + (<usize>(copy * quads + quad) << 2);
      storeBytes(place, least);
      storeBytes(place + half, most);
    }
  }
}

/**
 * The first code from −128 on whose value is above 0, or not below 6; 128 if there is none. Where `falls`
 * is all ones, codes are counted as −1 − q.
 */
@inline
function firstCode(quad: usize, falls: v128, zero: v128, scale: v128, six: bool): v128 {
  let first = i32x4.splat(-128);
  // The answer is in [first, first + 256].
  for (let step: i32 = 128; step > 0; step >>= 1) first = later(first, step, quad, falls, zero, scale, six);
  return later(first, 1, quad, falls, zero, scale, six);
}

/** Moves lanes on by `step` where the last code passed over does not reach the bound. */
@inline
function later(
  first: v128, step: i32, quad: usize, falls: v128, zero: v128, scale: v128, six: bool,
): v128 {
  const next = i32x4.add(first, i32x4.splat(step)), code = v128.xor(i32x4.sub(next, i32x4.splat(1)), falls);
  const v = normalized4(quad, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(code, zero)), scale));
  const before = six ? f32x4.lt(v, f32x4.splat(6)) : v128.not(f32x4.gt(v, f32x4.splat(0)));
  return v128.bitselect(next, first, before);
}

/** Stores four numbers as bytes. */
@inline
function storeBytes(to: usize, v: v128): void {
  const words = i16x8.narrow_i32x4_s(v, v);
  v128.store32_lane(to, i8x16.narrow_i16x8_s(words, words), 0);
}

/** The codes `g` of a gradient where the codes `q` pass it on, else `zero`. */
@inline
export function passed16(g: v128, q: v128, least: v128, most: v128, zero: v128): v128 {
  return v128.bitselect(zero, g, v128.or(i8x16.gt_s(least, q), i8x16.gt_s(q, most)));
}

// --- Sums by channel ---

/**
 * Number of parts in which the channels of a chunk can be summed: of f32 pairs of quads; of codes vectors,
 * but one where several pixels fill a vector, as these vectors share channels.
 */
@inline
export function sumItems(int8: i32, quads: i32): i32 {
  return !int8 ? (quads + 1) >> 1 : periodOf(quads) > 1 ? 1 : quads >> 2;
}

/** The first vector of an item's codes. */
@inline
export function vectorOf(item: i32, items: i32, quads: i32): i32 {
  return item * (periodOf(quads) * quads >> 2) / items;
}

/**
 * Adds up 16 channels over pixels: g, the codes at `g` minus `zero`; and with `squares` g², else g·q with
 * the codes at `q`. Without `squares`, g is 0 where q is not in [`least`, `most`]. `step` bytes further is
 * the next value of a channel; those from `end` on do not count. The sums are added to `sums`,
 * [quads][4 channels][2]; the channels' first quad is `quad`, and the one after the last is the first.
 */
@inline
export function sumCodes(
  squares: bool, g: usize, q: usize, end: usize, step: usize, least: v128, most: v128, zero: i32,
  sums: usize, quad: i32, quads: i32,
): void {
  const nothing = i8x16.splat(<i8>zero), z = i16x8.splat(<i16>zero), ones = i16x8.splat(1);
  let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
  let b0 = i32x4.splat(0), b1 = i32x4.splat(0), b2 = i32x4.splat(0), b3 = i32x4.splat(0);
  // Two rows at a time: a dot product adds their products.
  for (; g < end; g += 2 * step, q += 2 * step) {
    let g0 = v128.load(g), g1 = nothing, q0 = squares ? g0 : v128.load(q), q1 = nothing;
    if (!squares) g0 = passed16(g0, q0, least, most, nothing);
    if (g + step + 16 <= end) {
      g1 = v128.load(g + step);
      if (!squares) {
        q1 = v128.load(q + step);
        g1 = passed16(g1, q1, least, most, nothing);
      }
    } else {
      g0 = firstBytes(g0, <i32>(end - g), nothing);
      if (g + step < end) {
        g1 = v128.load(g + step);
        if (!squares) {
          q1 = v128.load(q + step);
          g1 = passed16(g1, q1, least, most, nothing);
        }
        g1 = firstBytes(g1, <i32>(end - g - step), nothing);
      }
    }
    let pairs = interleaveLow(g0, g1), others = squares ? pairs : interleaveLow(q0, q1);
    let u = i16x8.sub(i16x8.extend_low_i8x16_s(pairs), z);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(u, ones));
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(u, squares ? u : i16x8.extend_low_i8x16_s(others)));
    u = i16x8.sub(i16x8.extend_high_i8x16_s(pairs), z);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(u, ones));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(u, squares ? u : i16x8.extend_high_i8x16_s(others)));
    pairs = interleaveHigh(g0, g1);
    others = squares ? pairs : interleaveHigh(q0, q1);
    u = i16x8.sub(i16x8.extend_low_i8x16_s(pairs), z);
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(u, ones));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(u, squares ? u : i16x8.extend_low_i8x16_s(others)));
    u = i16x8.sub(i16x8.extend_high_i8x16_s(pairs), z);
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(u, ones));
    b3 = i32x4.add(b3, i32x4.dot_i16x8_s(u, squares ? u : i16x8.extend_high_i8x16_s(others)));
  }
  addSums(sums, quad % quads, a0, b0);
  addSums(sums, (quad + 1) % quads, a1, b1);
  addSums(sums, (quad + 2) % quads, a2, b2);
  addSums(sums, (quad + 3) % quads, a3, b3);
}

/** The first `count` bytes, then those of `rest`. */
@inline
function firstBytes(v: v128, count: i32, rest: v128): v128 {
  const lanes = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return v128.bitselect(v, rest, i8x16.lt_s(lanes, i8x16.splat(<i8>min(count, 16))));
}

@inline
function interleaveLow(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

@inline
function interleaveHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** Adds the two sums of a quad's channels. */
@inline
function addSums(sums: usize, quad: i32, first: v128, second: v128): void {
  const to = sums + (<usize>quad << 5);
  v128.store(to, i32x4.add(v128.load(to), i32x4.shuffle(first, second, 0, 4, 1, 5)));
  v128.store(to, i32x4.add(v128.load(to, 16), i32x4.shuffle(first, second, 2, 6, 3, 7)), 16);
}

/** Stores the two sums of a quad's channels, of which f64 lanes hold two each. */
@inline
export function storeSums(to: usize, first: v128, firstHigh: v128, second: v128, secondHigh: v128): void {
  const f = f32x4.demote_f64x2_zero(first), s = f32x4.demote_f64x2_zero(second);
  v128.store(to, i32x4.shuffle(f, s, 0, 4, 1, 5));
  const g = f32x4.demote_f64x2_zero(firstHigh), t = f32x4.demote_f64x2_zero(secondHigh);
  v128.store(to, i32x4.shuffle(g, t, 0, 4, 1, 5), 16);
}

/** The last two of four f32 values in f64. */
@inline
export function promoteHigh(v: v128): v128 {
  return f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1));
}

/**
 * Adds up [tiles][channels][2] sums in i32 of the four channels at `sums`; writes [4 channels][2] in i64.
 * `squares`: the second are u32.
 */
export function addPairs(sums: usize, tiles: i32, channels: i32, to: usize, squares: bool): void {
  const kept = squares ? i64x2(-1, 0xffffffff) : i64x2.splat(-1), step = <usize>channels << 3;
  let a = i64x2.splat(0), b = i64x2.splat(0), c = i64x2.splat(0), d = i64x2.splat(0);
  for (let tile: i32 = 0; tile < tiles; tile++, sums += step) {
    const u = v128.load(sums), v = v128.load(sums, 16);
    a = i64x2.add(a, v128.and(i64x2.extend_low_i32x4_s(u), kept));
    b = i64x2.add(b, v128.and(i64x2.extend_high_i32x4_s(u), kept));
    c = i64x2.add(c, v128.and(i64x2.extend_low_i32x4_s(v), kept));
    d = i64x2.add(d, v128.and(i64x2.extend_high_i32x4_s(v), kept));
  }
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
}

/** Rounds an integer to f32 as the reference does: one 32-bit word after the other. */
export function float64(n: i64): f32 {
  const magnitude = <u64>(n < 0 ? -n : n);
  const f = <f32><u32>(magnitude >> 32) * 4294967296.0 + <f32><u32>magnitude;
  return n < 0 ? -f : f;
}
