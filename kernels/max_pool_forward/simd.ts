import { firstOf } from "../include/quantize.simd";
import { MaxPoolForward } from "../include/records.simd";

/** Y = the maximum of each window. A part is a range of output pixels. */
export function max_pool_forward(c: MaxPoolForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const all = c.N * c.HO * c.WO, last = firstOf(all, part + 1, parts);
  const bytes = <usize>(c.INT8 ? 4 * c.CQ : 16 * c.CQ);
  for (let pixel = firstOf(all, part, parts); pixel < last; pixel++) {
    const image = pixel / (c.HO * c.WO), top = pixel / c.WO % c.HO * c.SH - c.PH, left = pixel % c.WO * c.SW - c.PW;
    const y0 = max(top, 0), x0 = max(left, 0);
    const rows = min(top + c.KH, c.H) - y0, columns = min(left + c.KW, c.W) - x0;
    const from = c.x + <usize>((image * c.H + y0) * c.W + x0) * bytes, to = c.y + <usize>pixel * bytes;
    const line = <usize>c.W * bytes;
    if (c.INT8) maxCodes(from, line, bytes, rows, columns, to);
    else maxReal(from, line, bytes, rows, columns, to);
  }
}

/** The maxima of a window of `rows` × `columns` pixels, all channels. */
function maxCodes(from: usize, line: usize, bytes: usize, rows: i32, columns: i32, to: usize): void {
  for (let left = bytes; left > 0;) {
    let best = v128.load(from);
    for (let y: i32 = 0, row = from; y < rows; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) best = i8x16.max_s(best, v128.load(at));
    }
    if (left >= 16) {
      v128.store(to, best);
      from += 16;
      to += 16;
      left -= 16;
    } else {
      v128.store32_lane(to, best, 0);
      from += 4;
      to += 4;
      left -= 4;
    }
  }
}

/** The first value, replaced by every greater one. */
function maxReal(from: usize, line: usize, bytes: usize, rows: i32, columns: i32, to: usize): void {
  for (const end = to + bytes; to < end; from += 16, to += 16) {
    let best = v128.load(from);
    for (let y: i32 = 0, row = from; y < rows; y++, row += line) {
      for (let x: i32 = 0, at = row; x < columns; x++, at += bytes) best = f32x4.pmax(best, v128.load(at));
    }
    v128.store(to, best);
  }
}
