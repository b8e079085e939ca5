import { finishLine, openGradient } from "../include/gradient.simd";
import {
  firstOf, LINE, openStore, quantizer, recordStore, storePixels,
} from "../include/quantize.simd";
import { AvgPoolBackward } from "../include/records.simd";

/**
 * dX = the shares of a pixel in the gradients of its windows, added in row order. A part is a range of
 * pixels.
 */
export function avg_pool_backward(c: AvgPoolBackward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const all = c.N * c.H * c.W, last = firstOf(all, part + 1, parts), padded = 4 * c.CQ;
  const bytes = <usize>(c.INT8 ? padded : 4 * padded), line = <usize>c.WO * bytes, most = max(1, LINE / padded);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.dx, c.DX_ROW);
  openGradient(c.INT8, c.quantizers, c.ADDEND, c.addend, c.ADDEND_ROW, c.MASK, c.mask, c.MASK_ROW);
  for (let first = firstOf(all, part, parts); first < last; first += most) {
    const pixels = min(most, last - first);
    let to = scratch;
    for (let pixel = first; pixel < first + pixels; pixel++, to += <usize>padded << 2) {
      const image = pixel / (c.H * c.W), y = pixel / c.W % c.H + c.PH, x = pixel % c.W + c.PW;
      const y0 = firstWindow(y, c.KH, c.SH), x0 = firstWindow(x, c.KW, c.SW);
      const rows = min(y / c.SH + 1, c.HO) - y0, columns = min(x / c.SW + 1, c.WO) - x0;
      const from = c.dy + <usize>((image * c.HO + y0) * c.WO + x0) * bytes;
      if (c.INT8) shareCodes(c, from, line, rows, columns, to);
      else shareReal(c, from, line, rows, columns, to);
    }
    finishLine(scratch, padded * first, padded * pixels);
    storePixels(padded * first, scratch, pixels, c.CHANNELS, c.CHANNELS * first);
  }
  recordStore();
}

/** The first window that contains the row or column `at`, counted with the padding. */
@inline
function firstWindow(at: i32, size: i32, stride: i32): i32 {
  return at < size ? 0 : (at - size) / stride + 1;
}

/** The shares of `rows` × `columns` windows, in whole vectors of 16 channels. */
function shareCodes(c: AvgPoolBackward, from: usize, line: usize, rows: i32, columns: i32, to: usize): void {
  const z = quantizer(c.quantizers, c.DY_ROW), unit = f32x4.splat(z.scale / <f32>(c.KH * c.KW));
  const start = i32x4.splat(-<i32>z.zero * max(rows, 0) * max(columns, 0)), bytes = <usize>(4 * c.CQ);
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

function shareReal(c: AvgPoolBackward, from: usize, line: usize, rows: i32, columns: i32, to: usize): void {
  const area = f32x4.splat(<f32>(c.KH * c.KW)), bytes = <usize>(16 * c.CQ);
  for (const end = from + bytes; from < end; from += 16, to += 16) {
    let sum = i32x4.splat(0);
    for (let y: i32 = 0, row = from; y < rows; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) sum = f32x4.add(sum, v128.load(at));
    }
    v128.store(to, f32x4.div(sum, area));
  }
}
