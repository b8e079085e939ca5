import { NormForward } from "../include/records.simd";
import {
  activate4, bottomOf, normalized4, QUAD_BYTES, repeatCoefficients, repeatedBytes, topOf,
} from "../include/norm.simd";
import { firstOf, LINE, openStore, quantizer, recordStore, storePixels } from "../include/quantize.simd";

/** A = act(norm(Y)), quantized. A part is a range of pixels. */
export function norm_forward(c: NormForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const channels = c.CHANNELS, quads = (channels + 3) >> 2, most = max(1, LINE / (4 * quads));
  const table = repeatCoefficients(c.coefficients, quads, scratch), line = scratch + repeatedBytes(quads);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.output, c.A_ROW);
  const last = firstOf(c.PIXELS, part + 1, parts);
  for (let pixel = firstOf(c.PIXELS, part, parts); pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), at = 4 * quads * pixel, count = 4 * quads * pixels;
    if (c.INT8) codesLine(c, at, count, table, line);
    else realLine(c, at, count, table, line);
    storePixels(at, line, pixels, channels, 0);
  }
  recordStore();
}

/** Computes `count` values from padded index `at` on, and up to 12 more. */
function codesLine(c: NormForward, at: i32, count: i32, table: usize, line: usize): void {
  const quads = (c.CHANNELS + 3) >> 2, end = table + max(repeatedBytes(quads), <usize>quads * QUAD_BYTES);
  const z = quantizer(c.quantizers, c.Y_ROW), zero = i16x8.splat(<i16>z.zero), scale = f32x4.splat(z.scale);
  const bottom = f32x4.splat(bottomOf(c.ACT)), top = f32x4.splat(topOf(c.ACT));
  let map = table;
  for (let y = c.y + at, last = y + count; y < last; y += 16, line += 64) {
    const q = v128.load(y);
    const l = i16x8.sub(i16x8.extend_low_i8x16_s(q), zero), h = i16x8.sub(i16x8.extend_high_i8x16_s(q), zero);
    v128.store(line, value4(map, i32x4.extend_low_i16x8_s(l), scale, bottom, top));
    v128.store(line, value4(map + QUAD_BYTES, i32x4.extend_high_i16x8_s(l), scale, bottom, top), 16);
    v128.store(line, value4(map + 2 * QUAD_BYTES, i32x4.extend_low_i16x8_s(h), scale, bottom, top), 32);
    v128.store(line, value4(map + 3 * QUAD_BYTES, i32x4.extend_high_i16x8_s(h), scale, bottom, top), 48);
    map += 4 * QUAD_BYTES;
    if (map == end) map = table;
  }
}

@inline
function value4(map: usize, y: v128, scale: v128, bottom: v128, top: v128): v128 {
  return activate4(normalized4(map, f32x4.mul(f32x4.convert_i32x4_s(y), scale)), bottom, top);
}

function realLine(c: NormForward, at: i32, count: i32, table: usize, line: usize): void {
  const end = table + <usize>((c.CHANNELS + 3) >> 2) * QUAD_BYTES;
  const bottom = f32x4.splat(bottomOf(c.ACT)), top = f32x4.splat(topOf(c.ACT));
  let map = table, y = c.y + (<usize>at << 2);
  for (const last = line + (<usize>count << 2); line < last; line += 16, y += 16) {
    v128.store(line, activate4(normalized4(map, v128.load(y)), bottom, top));
    map += QUAD_BYTES;
    if (map == end) map = table;
  }
}
