import { activate4, bottomOf, topOf } from "../include/norm.simd";
import {
  firstOf, LINE, loadLine, openStore, quantizer, recordStore, scaled4, storePixels,
} from "../include/quantize.simd";
import { AddForward } from "../include/records.simd";

/** Y = act(A + B), quantized. A part is a range of pixels. */
export function add_forward(c: AddForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const channels = c.CHANNELS, padded = (channels + 3) & ~3, most = max(1, LINE / padded);
  const last = firstOf(c.PIXELS, part + 1, parts), left = quantizer(c.quantizers, c.A_ROW);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.output, c.Y_ROW);
  for (let pixel = firstOf(c.PIXELS, part, parts); pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), at = padded * pixel, count = padded * pixels;
    loadLine(c.INT8 != 0, c.a, at, count, left, scratch);
    if (c.INT8) addCodes(c, at, count, scratch);
    else addReal(c, at, count, scratch);
    storePixels(at, scratch, pixels, channels, 0);
  }
  recordStore();
}

/** Adds the real values of B's codes, then activates; in whole vectors of 16. */
function addCodes(c: AddForward, at: i32, count: i32, line: usize): void {
  const row = quantizer(c.quantizers, c.B_ROW), zero = i16x8.splat(<i16>row.zero), scale = f32x4.splat(row.scale);
  const bottom = f32x4.splat(bottomOf(c.ACT)), top = f32x4.splat(topOf(c.ACT));
  for (let from = c.b + at, end = from + count; from < end; from += 16, line += 64) {
    const q = v128.load(from);
    const l = i16x8.sub(i16x8.extend_low_i8x16_s(q), zero), h = i16x8.sub(i16x8.extend_high_i8x16_s(q), zero);
    add4(line, scaled4(i32x4.extend_low_i16x8_s(l), scale), bottom, top);
    add4(line + 16, scaled4(i32x4.extend_high_i16x8_s(l), scale), bottom, top);
    add4(line + 32, scaled4(i32x4.extend_low_i16x8_s(h), scale), bottom, top);
    add4(line + 48, scaled4(i32x4.extend_high_i16x8_s(h), scale), bottom, top);
  }
}

function addReal(c: AddForward, at: i32, count: i32, line: usize): void {
  const bottom = f32x4.splat(bottomOf(c.ACT)), top = f32x4.splat(topOf(c.ACT));
  let from = c.b + (<usize>at << 2);
  for (const end = line + (<usize>count << 2); line < end; line += 16, from += 16) {
    add4(line, v128.load(from), bottom, top);
  }
}

@inline
function add4(line: usize, v: v128, bottom: v128, top: v128): void {
  v128.store(line, activate4(f32x4.add(v128.load(line), v), bottom, top));
}
