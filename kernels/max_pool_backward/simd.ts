import { finishLine, openGradient } from "../include/gradient.simd";
import {
  firstOf, LINE, loadCodes, loadLine, openStore, quantizer, recordStore, scaled4, storePixels,
} from "../include/quantize.simd";
import { MaxPoolBackward } from "../include/records.simd";

/**
 * Each window's gradient goes to its first maximum in row order. A part is a range of bands: rows of the
 * input from the top of a row of windows to the top of the next one. Windows that reach into several bands
 * are searched in each.
 */
export function max_pool_backward(c: MaxPoolBackward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const all = c.N * c.HO, last = firstOf(all, part + 1, parts), H = c.H, padded = 4 * c.CQ;
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.dx, c.DX_ROW);
  openGradient(c.INT8, c.quantizers, c.ADDEND, c.addend, c.ADDEND_ROW, c.MASK, c.mask, c.MASK_ROW);
  for (let band = firstOf(all, part, parts); band < last; band++) {
    const image = band / c.HO, oy = band % c.HO, top = oy * c.SH - c.PH;
    const first = oy == 0 ? 0 : max(0, min(H, top)), end = oy == c.HO - 1 ? H : max(0, min(H, top + c.SH));
    const pixels = (end - first) * c.W, pixel = (image * H + first) * c.W;
    if (pixels <= 0) continue;
    if (c.INT8 && c.KH <= c.SH && c.KW <= c.SW) {
      bandCodes(c, image, oy, first, pixels, scratch);
      finishCodes(c, pixel, pixels, scratch);
      continue;
    }
    memory.fill(scratch, 0, <usize>(pixels * padded) << 2);
    const lastWindow = min(c.HO - 1, (end - 1 + c.PH) / c.SH);
    for (let y = max(0, (first + c.PH - c.KH + c.SH) / c.SH); y <= lastWindow; y++) {
      for (let x: i32 = 0; x < c.WO; x++) {
        if (c.INT8) windowCodes(c, image, y, x, first, end, scratch);
        else windowReal(c, image, y, x, first, end, scratch);
      }
    }
    finishLine(scratch, padded * pixel, padded * pixels);
    storePixels(padded * pixel, scratch, pixels, c.CHANNELS, c.CHANNELS * pixel);
  }
  recordStore();
}

/** Writes the codes of a band's gradients where each pixel has one window at most. */
function bandCodes(c: MaxPoolBackward, image: i32, oy: i32, first: i32, pixels: i32, to: usize): void {
  const zero = <i8>quantizer(c.quantizers, c.DY_ROW).zero, bytes = <usize>(4 * c.CQ), line = <usize>c.W * bytes;
  const y0 = max(0, oy * c.SH - c.PH), rows = min(c.H, oy * c.SH - c.PH + c.KH) - y0;
  memory.fill(to, zero, <usize>pixels * bytes);
  let dy = c.dy + <usize>((image * c.HO + oy) * c.WO) * bytes;
  for (let ox: i32 = 0; ox < c.WO; ox++, dy += bytes) {
    const x0 = max(0, ox * c.SW - c.PW), columns = min(c.W, ox * c.SW - c.PW + c.KW) - x0;
    const from = c.x + <usize>((image * c.H + y0) * c.W + x0) * bytes;
    shareCodes(from, line, bytes, rows, columns, dy, zero, to + <usize>((y0 - first) * c.W + x0) * bytes);
  }
}

/** Shares the gradients of one window among its pixels. */
function shareCodes(
  from: usize, line: usize, bytes: usize, rows: i32, columns: i32, dy: usize, zero: i8, to: usize,
): void {
  const none = i8x16.splat(zero);
  for (let left = bytes; left > 0;) {
    const g = v128.load(dy), isWide = left >= 16;
    let best = v128.load(from);
    for (let y: i32 = 0, row = from; y < rows; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) best = i8x16.max_s(best, v128.load(at));
    }
    let open = i32x4.splat(-1);
    for (let y: i32 = 0, row = <usize>0; y < rows; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) {
        const isBest = i8x16.eq(v128.load(from + at), best);
        const share = v128.bitselect(g, none, v128.and(isBest, open));
        open = v128.andnot(open, isBest);
        if (isWide) v128.store(to + at, share);
        else v128.store32_lane(to + at, share, 0);
      }
    }
    const step: usize = isWide ? 16 : 4;
    from += step;
    to += step;
    dy += step;
    left -= step;
  }
}

/** Turns a band's codes into gradients and stores them. */
function finishCodes(c: MaxPoolBackward, pixel: i32, pixels: i32, codes: usize): void {
  const padded = 4 * c.CQ, most = max(1, LINE / padded), row = quantizer(c.quantizers, c.DY_ROW);
  const line = codes + ((<usize>(pixels * padded) + 63) & ~63);
  for (let done: i32 = 0; done < pixels; done += most) {
    const now = min(most, pixels - done), at = padded * (pixel + done), count = padded * now;
    loadLine(true, codes, padded * done, count, row, line);
    finishLine(line, at, count);
    storePixels(at, line, now, c.CHANNELS, c.CHANNELS * (pixel + done));
  }
}

/** Adds a window's gradients to those of the rows `first` to `end` − 1, in vectors of 16 channels. */
function windowCodes(c: MaxPoolBackward, image: i32, oy: i32, ox: i32, first: i32, end: i32, sums: usize): void {
  const bytes = <usize>(4 * c.CQ), y0 = max(0, oy * c.SH - c.PH), y1 = min(c.H, oy * c.SH - c.PH + c.KH);
  const x0 = max(0, ox * c.SW - c.PW), columns = min(c.W, ox * c.SW - c.PW + c.KW) - x0;
  const z = quantizer(c.quantizers, c.DY_ROW), zero = i32x4.splat(<i32>z.zero), scale = f32x4.splat(z.scale);
  const dy = c.dy + <usize>((image * c.HO + oy) * c.WO + ox) * bytes, line = <usize>c.W * bytes;
  const from = c.x + <usize>((image * c.H + y0) * c.W + x0) * bytes;
  for (let channel: usize = 0; channel < bytes; channel += 16) {
    let best = v128.load(from + channel);
    for (let y = y0, row = from + channel; y < y1; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) best = i8x16.max_s(best, v128.load(at));
    }
    // A vector may reach into the next pixel, to which it adds nothing.
    const none = i32x4.splat(0), left = bytes - channel;
    const g0 = scaled4(i32x4.sub(loadCodes(dy + channel), zero), scale);
    const g1 = left > 4 ? scaled4(i32x4.sub(loadCodes(dy + channel + 4), zero), scale) : none;
    const g2 = left > 8 ? scaled4(i32x4.sub(loadCodes(dy + channel + 8), zero), scale) : none;
    const g3 = left > 12 ? scaled4(i32x4.sub(loadCodes(dy + channel + 12), zero), scale) : none;
    let open = i32x4.splat(-1);
    for (let y = y0, row = from + channel; y < y1; y++, row += line) {
      const inside = y >= first && y < end;
      let to = sums + <usize>(((y - first) * c.W + x0) * <i32>bytes + <i32>channel << 2);
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes, to += bytes << 2) {
        const isBest = i8x16.eq(v128.load(at), best);
        if (inside) {
          const mine = v128.and(isBest, open);
          const l = i16x8.extend_low_i8x16_s(mine), h = i16x8.extend_high_i8x16_s(mine);
          addWhere(to, g0, i32x4.extend_low_i16x8_s(l));
          addWhere(to + 16, g1, i32x4.extend_high_i16x8_s(l));
          addWhere(to + 32, g2, i32x4.extend_low_i16x8_s(h));
          addWhere(to + 48, g3, i32x4.extend_high_i16x8_s(h));
        }
        open = v128.andnot(open, isBest);
      }
    }
  }
}

/** Adds where `mask` is all ones, and else +0, which changes no sum that began at +0. */
@inline
function addWhere(to: usize, v: v128, mask: v128): void {
  v128.store(to, f32x4.add(v128.load(to), v128.and(v, mask)));
}

/** The same of f32 values, four channels at a time; a NaN is the maximum only where it comes first. */
function windowReal(c: MaxPoolBackward, image: i32, oy: i32, ox: i32, first: i32, end: i32, sums: usize): void {
  const bytes = <usize>(16 * c.CQ), y0 = max(0, oy * c.SH - c.PH), y1 = min(c.H, oy * c.SH - c.PH + c.KH);
  const x0 = max(0, ox * c.SW - c.PW), columns = min(c.W, ox * c.SW - c.PW + c.KW) - x0;
  const dy = c.dy + <usize>((image * c.HO + oy) * c.WO + ox) * bytes, line = <usize>c.W * bytes;
  const from = c.x + <usize>((image * c.H + y0) * c.W + x0) * bytes, one = i32x4.splat(1);
  for (let channel: usize = 0; channel < bytes; channel += 16) {
    let best = v128.load(from + channel), winner = i32x4.splat(0), tap = i32x4.splat(0);
    for (let y = y0, row = from + channel; y < y1; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) {
        const v = v128.load(at), isGreater = f32x4.gt(v, best);
        best = v128.bitselect(v, best, isGreater);
        winner = v128.bitselect(tap, winner, isGreater);
        tap = i32x4.add(tap, one);
      }
    }
    const g = v128.load(dy + channel);
    tap = i32x4.splat(0);
    for (let y = y0; y < y1; y++) {
      const inside = y >= first && y < end;
      let to = sums + <usize>((y - first) * c.W + x0) * bytes + channel;
      for (let x: i32 = 0; x < columns; x++, to += bytes) {
        if (inside) addWhere(to, g, i32x4.eq(winner, tap));
        tap = i32x4.add(tap, one);
      }
    }
  }
}
