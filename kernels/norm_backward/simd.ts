import { finishLine, openGradient } from "../include/gradient.simd";
import { NormBackward } from "../include/records.simd";
import {
  findIntervals, intervalBytes, normalized4, passed16, passes4, QUAD_BYTES, repeatCoefficients, repeatedBytes,
} from "../include/norm.simd";
import { firstOf, LINE, openStore, quantizer, recordStore, storePixels } from "../include/quantize.simd";

/**
 * dY = a·g + (c1·(y − mean) + c2), frozen a·g, quantized. First, of codes, the intervals that pass the
 * gradient; then a part is a range of pixels.
 */
export function norm_backward(c: NormBackward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const channels = c.CHANNELS, quads = (channels + 3) >> 2, most = max(1, LINE / (4 * quads));
  if (c.INT8 && phase == 0) {
    findIntervals(c.ACT, c.coefficients, quads, c.quantizers, c.Y_ROW, c.shared, part, parts);
    return;
  }
  const table = repeatCoefficients(c.coefficients, quads, scratch), line = scratch + repeatedBytes(quads);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.output, c.DY_ROW);
  openGradient(c.INT8, c.quantizers, c.ADDEND, c.addend, c.ADDEND_ROW, c.MASK, c.mask, c.MASK_ROW);
  const last = firstOf(c.PIXELS, part + 1, parts);
  for (let pixel = firstOf(c.PIXELS, part, parts); pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), at = 4 * quads * pixel, count = 4 * quads * pixels;
    if (!c.INT8) realLine(c, at, count, table, line);
    else if (c.FROZEN) codesLine(true, c, at, count, table, line);
    else codesLine(false, c, at, count, table, line);
    finishLine(line, at, count);
    storePixels(at, line, pixels, channels, channels * pixel);
  }
  recordStore();
}

/** Computes `count` values from padded index `at` on, and up to 12 more. */
@inline
function codesLine(frozen: bool, c: NormBackward, at: i32, count: i32, table: usize, line: usize): void {
  const quads = (c.CHANNELS + 3) >> 2, end = table + max(repeatedBytes(quads), <usize>quads * QUAD_BYTES);
  const half = intervalBytes(quads), zy = quantizer(c.quantizers, c.Y_ROW);
  const zeroY = i16x8.splat(<i16>zy.zero), scaleY = f32x4.splat(zy.scale), z = quantizer(c.quantizers, c.DA_ROW);
  const zero = i16x8.splat(<i16>z.zero), scale = f32x4.splat(z.scale), none = i8x16.splat(<i8>z.zero);
  let map = table, interval = c.shared, da = c.da + at;
  for (let y = c.y + at, last = y + count; y < last; y += 16, da += 16, line += 64) {
    const q = v128.load(y), least = v128.load(interval), most = v128.load(interval + half);
    const p = passed16(v128.load(da), q, least, most, none);
    let u = i16x8.sub(i16x8.extend_low_i8x16_s(q), zeroY), g = i16x8.sub(i16x8.extend_low_i8x16_s(p), zero);
    let v = low4(u, scaleY), w = low4(g, scale);
    v128.store(line, value4(frozen, map, v, w));
    v = high4(u, scaleY);
    w = high4(g, scale);
    v128.store(line, value4(frozen, map + QUAD_BYTES, v, w), 16);
    u = i16x8.sub(i16x8.extend_high_i8x16_s(q), zeroY);
    g = i16x8.sub(i16x8.extend_high_i8x16_s(p), zero);
    v = low4(u, scaleY);
    w = low4(g, scale);
    v128.store(line, value4(frozen, map + 2 * QUAD_BYTES, v, w), 32);
    v = high4(u, scaleY);
    w = high4(g, scale);
    v128.store(line, value4(frozen, map + 3 * QUAD_BYTES, v, w), 48);
    map += 4 * QUAD_BYTES;
    interval += 16;
    if (map == end) {
      map = table;
      interval = c.shared;
    }
  }
}

@inline
function low4(codes: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(codes)), scale);
}

@inline
function high4(codes: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(codes)), scale);
}

@inline
function value4(frozen: bool, map: usize, y: v128, g: v128): v128 {
  const scaled = f32x4.mul(v128.load(map), g);
  if (frozen) return scaled;
  const d = f32x4.sub(y, v128.load(map, 16));
  return f32x4.add(scaled, f32x4.add(f32x4.mul(v128.load(map, 48), d), v128.load(map, 64)));
}

function realLine(c: NormBackward, at: i32, count: i32, table: usize, line: usize): void {
  const end = table + <usize>((c.CHANNELS + 3) >> 2) * QUAD_BYTES, act = c.ACT, frozen = c.FROZEN != 0;
  let map = table, from = <usize>at << 2;
  for (const last = line + (<usize>count << 2); line < last; line += 16, from += 16) {
    const y = v128.load(c.y + from), g = v128.and(v128.load(c.da + from), passes4(act, normalized4(map, y)));
    v128.store(line, value4(frozen, map, y, g));
    map += QUAD_BYTES;
    if (map == end) map = table;
  }
}
