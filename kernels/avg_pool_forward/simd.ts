import {
  firstOf, LINE, openStore, quantizer, recordStore, storePixels,
} from "../include/quantize.simd";
import { AvgPoolForward } from "../include/records.simd";

/** Y = the mean of each window, padding counted as zeros. A part is a range of output pixels. */
export function avg_pool_forward(c: AvgPoolForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const all = c.N * c.HO * c.WO, last = firstOf(all, part + 1, parts), padded = 4 * c.CQ;
  const bytes = <usize>(c.INT8 ? padded : 4 * padded), line = <usize>c.W * bytes, most = max(1, LINE / padded);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.y, c.Y_ROW);
  for (let first = firstOf(all, part, parts); first < last; first += most) {
    const pixels = min(most, last - first);
    let to = scratch;
    for (let pixel = first; pixel < first + pixels; pixel++, to += <usize>padded << 2) {
      const image = pixel / (c.HO * c.WO), top = pixel / c.WO % c.HO * c.SH - c.PH, left = pixel % c.WO * c.SW - c.PW;
      const y0 = max(top, 0), x0 = max(left, 0);
      const rows = min(top + c.KH, c.H) - y0, columns = min(left + c.KW, c.W) - x0;
      const from = c.x + <usize>((image * c.H + y0) * c.W + x0) * bytes;
      if (c.INT8) meanCodes(c, from, line, rows, columns, to);
      else meanReal(c, from, line, rows, columns, to);
    }
    storePixels(padded * first, scratch, pixels, c.CHANNELS, 0);
  }
  recordStore();
}

/** The means of a window of `rows` × `columns` pixels, in whole vectors of 16 channels. */
function meanCodes(c: AvgPoolForward, from: usize, line: usize, rows: i32, columns: i32, to: usize): void {
  const z = quantizer(c.quantizers, c.X_ROW), unit = f32x4.splat(z.scale / <f32>(c.KH * c.KW));
  const start = i32x4.splat(-<i32>z.zero * rows * columns), bytes = <usize>(4 * c.CQ);
  for (const end = from + bytes; from < end; from += 16, to += 64) {
    let s0 = start, s1 = start, s2 = start, s3 = start;
    for (let y: i32 = 0, row = from; y < rows; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) {
        const l = v128.load8x8_s(at), h = v128.load8x8_s(at, 8);
        s0 = i32x4.add(s0, i32x4.extend_low_i16x8_s(l));
        s1 = i32x4.add(s1, i32x4.extend_high_i16x8_s(l));
        s2 = i32x4.add(s2, i32x4.extend_low_i16x8_s(h));
        s3 = i32x4.add(s3, i32x4.extend_high_i16x8_s(h));
      }
    }
    v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(s0), unit));
    v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(s1), unit), 16);
    v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(s2), unit), 32);
    v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(s3), unit), 48);
  }
}

/** Adds pixels in row order. */
function meanReal(c: AvgPoolForward, from: usize, line: usize, rows: i32, columns: i32, to: usize): void {
  const area = f32x4.splat(<f32>(c.KH * c.KW)), bytes = <usize>(16 * c.CQ);
  for (const end = from + bytes; from < end; from += 16, to += 16) {
    let sum = i32x4.splat(0);
    for (let y: i32 = 0, row = from; y < rows; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) sum = f32x4.add(sum, v128.load(at));
    }
    v128.store(to, f32x4.div(sum, area));
  }
}
