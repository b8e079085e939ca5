// SIMD form of kernels/include/quantize.wgsl and of its reference, quantize.ts, bit for bit the same.
// Kernels compute real values of some pixels into a line of scratch memory, then store the line at once:
// storePixels is the quick way, store4 the simple one.
import { Quantizer, Slot, SLOTS, Step } from "./records.simd";

/** Values of a line of scratch memory, if a pixel has no more: it stays in the first cache. */
export const LINE: i32 = 1024;

/** First of the `total` items of part `part`. */
@inline
export function firstOf(total: i32, part: i32, parts: i32): i32 {
  return <i32>(<i64>total * part / parts);
}

/** Row `row` of the table of quantizers. */
@inline
export function quantizer(table: usize, row: i32): Quantizer {
  return changetype<Quantizer>(table + <usize>row * offsetof<Quantizer>());
}

/** Four codes as i32. */
@inline
export function loadCodes(at: usize): v128 {
  return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at)));
}

/** Four real values of a tensor at padded index `at`: of codes, minus `zero` and times `scale`, or f32. */
@inline
export function loadReal(int8: bool, tensor: usize, at: i32, zero: v128, scale: v128): v128 {
  return int8
    ? f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(loadCodes(tensor + at), zero)), scale)
    : v128.load(tensor + (<usize>at << 2));
}

/** Four real values of codes minus their zero point. */
@inline
export function scaled4(code: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(code), scale);
}

/**
 * Writes `count` real values of a tensor to `line`: those at padded index `at` and on. Of codes it writes
 * whole vectors of 16.
 */
export function loadLine(int8: bool, tensor: usize, at: i32, count: i32, row: Quantizer, line: usize): void {
  if (!int8) {
    memory.copy(line, tensor + (<usize>at << 2), <usize>count << 2);
    return;
  }
  const zero = i16x8.splat(<i16>row.zero), scale = f32x4.splat(row.scale);
  for (let from = tensor + at, end = from + count; from < end; from += 16, line += 64) {
    const q = v128.load(from);
    const l = i16x8.sub(i16x8.extend_low_i8x16_s(q), zero), h = i16x8.sub(i16x8.extend_high_i8x16_s(q), zero);
    v128.store(line, scaled4(i32x4.extend_low_i16x8_s(l), scale));
    v128.store(line, scaled4(i32x4.extend_high_i16x8_s(l), scale), 16);
    v128.store(line, scaled4(i32x4.extend_low_i16x8_s(h), scale), 32);
    v128.store(line, scaled4(i32x4.extend_high_i16x8_s(h), scale), 48);
  }
}

/** The lanes below `count` are all ones. */
@inline
export function lanesBelow(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

// --- Uniform numbers of (seed, step, quantizer, element) ---

/**
 * Vectors of constants: factors of the hash; 2⁻²⁴; ROUNDER, 1.5 · 2²³ (a small f32 plus it is rounded to a
 * whole number, half to even, in its lowest bits). V8 makes a vector constant anew, in about four
 * instructions, wherever it is used: norm_backward took 2.4 ns a value so, and takes 1.7 with loads.
 */
const CONSTANTS = memory.data<u32>([
  0x7feb352d, 0x7feb352d, 0x7feb352d, 0x7feb352d, 0x846ca68b, 0x846ca68b, 0x846ca68b, 0x846ca68b,
  0x33800000, 0x33800000, 0x33800000, 0x33800000, 0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000,
], 16);

/** ROUNDER. */
@inline
function rounderOf(): v128 {
  return v128.load(CONSTANTS, 48);
}

@inline
function mix(x: u32): u32 {
  let h = (x ^ (x >>> 16)) * 0x7feb352d;
  h = (h ^ (h >>> 15)) * 0x846ca68b;
  return h ^ (h >>> 16);
}

let uniformFirst: v128 = i32x4.splat(0), uniformSecond: v128 = i32x4.splat(0);
let uniformBefore: u32 = 0;

/** Prepares `uniform` for a quantizer; `image` as in the reference. */
export function openUniform(step: usize, key: i32, image: i32): void {
  const s = changetype<Step>(step);
  const a = mix(mix(s.seed ^ 0x9e3779b9) + s.step);
  uniformFirst = i32x4.splat(mix(a + key));
  uniformSecond = i32x4.splat(mix((a ^ 0x85ebca6b) + key));
  uniformBefore = s.first * <u32>image;
}

/** The factor of an element in the hash. */
const ELEMENT: u32 = 0x9e3779b1;

/** The hash's start for four elements from `element` on. For the next n elements it grows by n · ELEMENT. */
@inline
function hashStart(element: i32): v128 {
  const elements = i32x4.add(i32x4.splat(element + uniformBefore), i32x4(0, 1, 2, 3));
  return i32x4.add(i32x4.mul(elements, i32x4.splat(ELEMENT)), uniformFirst);
}

/** Uniform numbers in [0, 1) from the hash's start. */
@inline
function uniformOf(h: v128, second: v128): v128 {
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), v128.load(CONSTANTS));
  h = i32x4.mul(i32x4.add(v128.xor(h, i32x4.shr_u(h, 15)), second), v128.load(CONSTANTS, 16));
  h = i32x4.shr_u(v128.xor(h, i32x4.shr_u(h, 16)), 8);
  return f32x4.mul(f32x4.convert_i32x4_s(h), v128.load(CONSTANTS, 32));
}

/** Uniform numbers in [0, 1) of four elements from `element` on. */
@inline
export function uniform4(element: i32): v128 {
  return uniformOf(hashStart(element), uniformSecond);
}

// --- Storing through a quantizer ---

/** What `store4` makes of a value: a code, or a real value. */
enum Form { Real, Code, Measured, Simulated }

// A thread stores into one tensor at a time. Globals of a module are the thread's own.
let form: i32 = 0, stochastic: bool = false, records: bool = false;
let tensor: usize = 0, statistics: usize = 0;
let scale: v128 = i32x4.splat(0), inverse: v128 = i32x4.splat(0), zero: v128 = i32x4.splat(0);
let qmin: v128 = i32x4.splat(0), qmax: v128 = i32x4.splat(0), zeroCode: v128 = i32x4.splat(0);
let low: v128 = i32x4.splat(0), high: v128 = i32x4.splat(0);
let clipped: v128 = i32x4.splat(0), nonfinite: v128 = i32x4.splat(0);

/**
 * Opens a tensor for `store4`. `int8`, `store`, `stochasticRounding`, `quiet` and `image` are the
 * constants of include/interface.ts; `table`, `slots` and `step` the buffers of all kernels.
 */
export function openStore(
  int8: i32, store: i32, stochasticRounding: i32, quiet: i32, image: i32,
  table: usize, slots: usize, step: usize, output: usize, row: i32,
): void {
  form = store == 0 ? Form.Real : store == 2 ? Form.Measured : int8 ? Form.Code : Form.Simulated;
  stochastic = stochasticRounding != 0 && store == 1;
  records = store != 0 && !quiet;
  tensor = output;
  statistics = slots + <usize>(row * SLOTS) * offsetof<Slot>();
  const z = quantizer(table, row);
  scale = f32x4.splat(z.scale);
  inverse = f32x4.splat(z.inverse);
  zero = f32x4.splat(z.zero);
  zeroCode = i32x4.splat(<i32>z.zero);
  qmin = f32x4.splat(z.qmin);
  qmax = f32x4.splat(z.qmax);
  low = f32x4.splat(Infinity);
  high = f32x4.splat(-Infinity);
  clipped = i32x4.splat(0);
  nonfinite = i32x4.splat(0);
  if (stochastic) openUniform(step, row, image);
}

/** The zero point of the open tensor. */
@inline
export function storedZero(): v128 {
  return zeroCode;
}

/**
 * Rounds and clamps real values to codes, as f32. Values that are not finite count as 0. Observes
 * minimum, maximum, clipped and non-finite values. `element` is the logical index of the first value.
 */
@inline
function codesOf(v: v128, element: i32): v128 {
  const finite = f32x4.eq(f32x4.sub(v, v), f32x4.splat(0));
  const x = v128.and(v, finite);
  nonfinite = i32x4.sub(nonfinite, v128.not(finite));
  low = f32x4.pmin(low, x);
  high = f32x4.pmax(high, x);
  const t = f32x4.mul(x, inverse);
  const whole = stochastic ? f32x4.floor(f32x4.add(t, uniform4(element))) : f32x4.nearest(t);
  const code = f32x4.add(whole, zero);
  const clamped = f32x4.pmin(f32x4.pmax(code, qmin), qmax);
  clipped = i32x4.sub(clipped, f32x4.ne(clamped, code));
  return clamped;
}

/**
 * Stores four values at padded index `at`, of which the first `lanes` are real and the rest padding.
 * `element` is the logical index of the first. Returns the codes as i32 (0 where none are made).
 */
@inline
function store4(at: i32, v: v128, element: i32, lanes: i32): v128 {
  if (lanes < 4) return storeRagged(at, v, element, lanes);
  if (form == Form.Code) {
    const codes = i32x4.trunc_sat_f32x4_s(codesOf(v, element));
    const words = i16x8.narrow_i32x4_s(codes, codes);
    v128.store32_lane(tensor + at, i8x16.narrow_i16x8_s(words, words), 0);
    return codes;
  }
  return storeReal(at, v, element);
}

/** `store4` where codes are not stored. */
function storeReal(at: i32, v: v128, element: i32): v128 {
  const to = tensor + (<usize>at << 2);
  if (form == Form.Real) {
    v128.store(to, v);
  } else if (form == Form.Measured) {
    const finite = f32x4.eq(f32x4.sub(v, v), f32x4.splat(0)), x = v128.and(v, finite);
    nonfinite = i32x4.sub(nonfinite, v128.not(finite));
    low = f32x4.pmin(low, x);
    high = f32x4.pmax(high, x);
    v128.store(to, x);
  } else {
    const code = codesOf(v, element);
    v128.store(to, f32x4.mul(f32x4.sub(code, zero), scale));
  }
  return i32x4.splat(0);
}

/** `store4` of a quad with padding, which gets the code of zero and is not observed. */
function storeRagged(at: i32, v: v128, element: i32, lanes: i32): v128 {
  const real = lanesBelow(lanes), oldLow = low, oldHigh = high, oldClipped = clipped, oldBad = nonfinite;
  const codes = store4(at, v, element, 4);
  low = v128.bitselect(low, oldLow, real);
  high = v128.bitselect(high, oldHigh, real);
  clipped = v128.bitselect(clipped, oldClipped, real);
  nonfinite = v128.bitselect(nonfinite, oldBad, real);
  for (let lane = max(lanes, 0); lane < 4; lane++) {
    if (form == Form.Code) store<i8>(tensor + at + lane, <i8>i32x4.extract_lane(zeroCode, 0));
    else store<f32>(tensor + (<usize>(at + lane) << 2), 0);
  }
  return v128.bitselect(codes, zeroCode, real);
}

/** Values that `storeLine` looks at together. */
const BLOCK: i32 = 64;

/** The largest uniform number. */
const MAX_UNIFORM: f32 = 1.0 - 2.0 ** -24;

/**
 * Stores `count` real values, a multiple of 4, at padded index `at` and on; none is padding. `element` is
 * the logical index of the first. The same as `store4` of each four, but quicker: where no value of a
 * block is clipped or not finite, which its extremes and its sum tell, nothing has to be clamped, counted
 * or compared value by value. With clipped values in every block norm_backward takes 2.2 ns a value, not
 * 1.7; by `store4` it took 6.
 */
function storeLine(at: i32, line: usize, count: i32, element: i32): void {
  let i: i32 = 0;
  if (form == Form.Code) {
    const down = f32x4.sub(qmin, zero), up = f32x4.sub(qmax, zero), factor = inverse;
    let least = low, most = high;
    for (; i + 16 <= count;) {
      const block = min(BLOCK, (count - i) & ~15), from = line + (<usize>i << 2);
      let l = v128.load(from), h = l, sum = i32x4.splat(0);
      for (let v = from, end = from + (<usize>block << 2); v < end; v += 64) {
        const a = v128.load(v), b = v128.load(v, 16), c = v128.load(v, 32), d = v128.load(v, 48);
        l = f32x4.pmin(l, f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
        h = f32x4.pmax(h, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
        sum = f32x4.add(sum, f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
      }
      const smallest = f32x4.mul(l, factor), largest = f32x4.mul(h, factor);
      const bottom = stochastic ? f32x4.floor(smallest) : f32x4.nearest(smallest);
      const top = stochastic
        ? f32x4.floor(f32x4.add(largest, f32x4.splat(MAX_UNIFORM)))
        : f32x4.nearest(largest);
      const inside = v128.and(f32x4.ge(bottom, down), f32x4.le(top, up));
      if (isBad(sum)) {
        for (let j = i; j < i + block; j += 4) {
          store4(at + j, v128.load(line + (<usize>j << 2)), element + j, 4);
        }
      } else {
        least = f32x4.pmin(least, l);
        most = f32x4.pmax(most, h);
        if (!i32x4.all_true(inside)) storeClipped(tensor + at + i, from, block, element + i);
        else if (stochastic) roundBlock(true, false, tensor + at + i, from, block, element + i);
        else roundBlock(false, false, tensor + at + i, from, block, element + i);
      }
      i += block;
    }
    low = f32x4.pmin(low, least);
    high = f32x4.pmax(high, most);
  } else if (form == Form.Real) {
    memory.copy(tensor + (<usize>at << 2), line, <usize>count << 2);
    return;
  } else if (form == Form.Measured && storeMeasured(tensor + (<usize>at << 2), line, <usize>count << 2)) {
    return;
  }
  for (; i < count; i += 4) store4(at + i, v128.load(line + (<usize>i << 2)), element + i, 4);
}

/** Copies `bytes` of real values and observes them. Returns whether all were finite, else nothing counts. */
function storeMeasured(to: usize, from: usize, bytes: usize): bool {
  let l = low, h = high, sum = i32x4.splat(0), i: usize = 0;
  for (; i + 64 <= bytes; i += 64) {
    const a = v128.load(from + i), b = v128.load(from + i, 16), c = v128.load(from + i, 32);
    const d = v128.load(from + i, 48);
    v128.store(to + i, a);
    v128.store(to + i, b, 16);
    v128.store(to + i, c, 32);
    v128.store(to + i, d, 48);
    l = f32x4.pmin(l, f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
    h = f32x4.pmax(h, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
    sum = f32x4.add(sum, f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  }
  for (; i < bytes; i += 16) {
    const a = v128.load(from + i);
    v128.store(to + i, a);
    l = f32x4.pmin(l, a);
    h = f32x4.pmax(h, a);
    sum = f32x4.add(sum, a);
  }
  if (isBad(sum)) return false;
  low = l;
  high = h;
  return true;
}

/** Rounds values to codes where some are outside the range. */
function storeClipped(to: usize, from: usize, count: i32, element: i32): void {
  if (stochastic) roundBlock(true, true, to, from, count, element);
  else roundBlock(false, true, to, from, count, element);
}

/** Rounds values to codes, at `random` stochastically; without `clamps` none is outside the range. */
@inline
function roundBlock(random: bool, clamps: bool, to: usize, from: usize, count: i32, element: i32): void {
  const factor = inverse, second = uniformSecond, rounder = rounderOf(), offset = i32x4.sub(zeroCode, rounder);
  const start = random ? hashStart(element) : rounder;
  const next = random ? i32x4.sub(hashStart(element + 4), start) : rounder;
  // Codes up to 1 outside the range keep what is clipped apart, and fit 16 bits.
  const one = f32x4.splat(1), under = f32x4.sub(f32x4.sub(qmin, zero), one);
  const over = f32x4.add(f32x4.sub(qmax, zero), one);
  const least = i16x8.splat(<i16>f32x4.extract_lane(qmin, 0)), most = i16x8.splat(<i16>f32x4.extract_lane(qmax, 0));
  let h = start, outside = i32x4.splat(0);
  for (const end = to + count; to < end; to += 16, from += 64) {
    const h1 = i32x4.add(h, next), h2 = i32x4.add(h1, next), h3 = i32x4.add(h2, next);
    let a = f32x4.mul(v128.load(from), factor), b = f32x4.mul(v128.load(from, 16), factor);
    let c = f32x4.mul(v128.load(from, 32), factor), d = f32x4.mul(v128.load(from, 48), factor);
    if (random) {
      a = f32x4.add(a, uniformOf(h, second));
      b = f32x4.add(b, uniformOf(h1, second));
      c = f32x4.add(c, uniformOf(h2, second));
      d = f32x4.add(d, uniformOf(h3, second));
    }
    if (clamps) {
      a = f32x4.pmin(f32x4.pmax(a, under), over);
      b = f32x4.pmin(f32x4.pmax(b, under), over);
      c = f32x4.pmin(f32x4.pmax(c, under), over);
      d = f32x4.pmin(f32x4.pmax(d, under), over);
    }
    a = i32x4.add(f32x4.add(random ? f32x4.floor(a) : a, rounder), offset);
    b = i32x4.add(f32x4.add(random ? f32x4.floor(b) : b, rounder), offset);
    c = i32x4.add(f32x4.add(random ? f32x4.floor(c) : c, rounder), offset);
    d = i32x4.add(f32x4.add(random ? f32x4.floor(d) : d, rounder), offset);
    let l = i16x8.narrow_i32x4_s(a, b), m = i16x8.narrow_i32x4_s(c, d);
    if (clamps) {
      const u = i16x8.min_s(i16x8.max_s(l, least), most), v = i16x8.min_s(i16x8.max_s(m, least), most);
      outside = i16x8.add(outside, i16x8.add(i16x8.ne(u, l), i16x8.ne(v, m)));
      l = u;
      m = v;
    }
    v128.store(to, i8x16.narrow_i16x8_s(l, m));
    if (random) h = i32x4.add(h3, next);
  }
  if (clamps) clipped = i32x4.sub(clipped, i32x4.extadd_pairwise_i16x8_s(outside));
}

/**
 * Stores the real values of `pixels` pixels of `channels` channels, in `line` padded to quads, at padded
 * index `at` and on. `element` is the logical index of the first value.
 */
export function storePixels(at: i32, line: usize, pixels: i32, channels: i32, element: i32): void {
  const padded = (channels + 3) & ~3, whole = channels & ~3;
  if (padded == channels) return storeLine(at, line, pixels * channels, element);
  for (; pixels > 0; pixels--, at += padded, line += <usize>padded << 2, element += channels) {
    storeLine(at, line, whole, element);
    store4(at + whole, v128.load(line + (<usize>whole << 2)), element + whole, channels - whole);
  }
}

/** Observes four real values without storing them. */
@inline
function observe4(v: v128): void {
  nonfinite = i32x4.sub(nonfinite, f32x4.ne(f32x4.sub(v, v), f32x4.splat(0)));
  low = f32x4.pmin(low, v);
  high = f32x4.pmax(high, v);
}

/** 1 if one of four values is not finite. */
@inline
export function isBad(v: v128): i32 {
  return v128.any_true(f32x4.ne(f32x4.sub(v, v), f32x4.splat(0))) ? 1 : 0;
}

/**
 * Observes `bytes` of f32, whole vectors, without storing them. Returns the number of vectors that are not
 * finite, or whose vector in `other` is not finite (0: there is no other).
 */
export function observeLine(from: usize, other: usize, bytes: usize): i32 {
  let l = low, h = high, sum = i32x4.splat(0), i: usize = 0;
  for (; i < bytes; i += 16) {
    const v = v128.load(from + i);
    l = f32x4.pmin(l, v);
    h = f32x4.pmax(h, v);
    // 0, or NaN from the first value on that is not finite.
    sum = f32x4.add(sum, f32x4.sub(v, v));
    if (other) {
      const w = v128.load(other + i);
      sum = f32x4.add(sum, f32x4.sub(w, w));
    }
  }
  low = l;
  high = h;
  if (!isBad(sum)) return 0;
  let bad: i32 = 0;
  for (i = 0; i < bytes; i += 16) {
    const v = v128.load(from + i);
    observe4(v);
    bad += isBad(v) | (other ? isBad(v128.load(other + i)) : 0);
  }
  return bad;
}

/** Adds the statistics of the open tensor to the first slot of its row; of NaN alone only their number. */
export function recordStore(): void {
  if (!records) return;
  const smallest = reduce(low, false), largest = reduce(high, true);
  if (smallest <= largest) {
    atLeast(statistics + offsetof<Slot>("negatedMin"), ~orderedBits(smallest));
    atLeast(statistics + offsetof<Slot>("max"), orderedBits(largest));
  }
  count(statistics + offsetof<Slot>("clipped"), sumOf(clipped));
  count(statistics + offsetof<Slot>("nonfinite"), sumOf(nonfinite));
}

/** Smallest or largest lane. */
function reduce(v: v128, largest: bool): f32 {
  let best = f32x4.extract_lane(v, 0);
  for (let i = 1; i < 4; i++) {
    const x = i == 1 ? f32x4.extract_lane(v, 1) : i == 2 ? f32x4.extract_lane(v, 2) : f32x4.extract_lane(v, 3);
    if (largest ? x > best : x < best) best = x;
  }
  return best;
}

/** Sum of the lanes of i32. */
function sumOf(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) +
    i32x4.extract_lane(v, 3);
}

/** A u32 that orders as the f32 does; −0 counts as +0. */
function orderedBits(x: f32): u32 {
  const bits = x == 0 ? 0 : reinterpret<u32>(x);
  return bits >>> 31 ? ~bits : bits | 0x80000000;
}

/** Raises a word that threads share to `value`. */
function atLeast(at: usize, value: u32): void {
  let old = atomic.load<u32>(at);
  while (old < value) {
    const now = atomic.cmpxchg<u32>(at, old, value);
    if (now == old) return;
    old = now;
  }
}

/** Adds to a word that threads share. */
export function count(at: usize, value: i32): void {
  if (value) atomic.add<i32>(at, value);
}
