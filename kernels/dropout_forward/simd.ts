import { maskPixels } from "../include/dropout.simd";
import { firstOf, LINE, quantizer } from "../include/quantize.simd";
import { DropoutForward } from "../include/records.simd";

/** Y = X·mask / (1 − rate), or X; codes are copied or get the zero point. A part is a range of pixels. */
export function dropout_forward(c: DropoutForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const padded = 4 * c.CQ, most = max(1, LINE / padded), all = c.QUADS / c.CQ;
  const first = firstOf(all, part, parts), last = firstOf(all, part + 1, parts);
  if (!c.TRAIN) {
    const shift: usize = c.INT8 ? 0 : 2, start = <usize>(padded * first) << shift;
    memory.copy(c.y + start, c.x + start, <usize>(padded * (last - first)) << shift);
    return;
  }
  for (let pixel = first; pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), at = padded * pixel, count = padded * pixels;
    maskPixels(c.step, c.LAYER, c.RATE, c.PIXELS_OF_IMAGE, pixel, pixels, c.CHANNELS, scratch);
    if (c.INT8) maskCodes(c, at, count, scratch);
    else maskReal(c, at, count, scratch);
  }
}

function maskCodes(c: DropoutForward, at: i32, count: i32, mask: usize): void {
  const zero = i8x16.splat(<i8>quantizer(c.quantizers, c.X_ROW).zero);
  let from = c.x + at, to = c.y + at;
  for (const end = from + (count & ~15); from < end; from += 16, to += 16, mask += 64) {
    const l = i16x8.narrow_i32x4_s(v128.load(mask), v128.load(mask, 16));
    const h = i16x8.narrow_i32x4_s(v128.load(mask, 32), v128.load(mask, 48));
    v128.store(to, v128.bitselect(v128.load(from), zero, i8x16.narrow_i16x8_s(l, h)));
  }
  for (const end = from + (count & 15); from < end; from += 4, to += 4, mask += 16) {
    const kept = i16x8.narrow_i32x4_s(v128.load(mask), v128.load(mask));
    const codes = v128.bitselect(v128.load32_zero(from), zero, i8x16.narrow_i16x8_s(kept, kept));
    v128.store32_lane(to, codes, 0);
  }
}

function maskReal(c: DropoutForward, at: i32, count: i32, mask: usize): void {
  const factor = f32x4.splat(c.FACTOR);
  let from = c.x + (<usize>at << 2), to = c.y + (<usize>at << 2);
  for (const end = from + (<usize>count << 2); from < end; from += 16, to += 16, mask += 16) {
    v128.store(to, v128.and(f32x4.mul(v128.load(from), factor), v128.load(mask)));
  }
}
