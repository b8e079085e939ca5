import { clear, column, copy, image, nextPixel, openPixel, row } from "../include/conv.simd";
import { firstOf, quantizer } from "../include/quantize.simd";
import { ConvBackwardWeight } from "../include/records.simd";
import { dotTile, mulTile, TILE_ROWS } from "../include/tile.simd";

/** Bytes of a panel of inputs: it stays in the second cache. */
const PANEL_BYTES: i32 = 262144;

/** Most pixels of a panel. */
const MAX_PIXELS: i32 = 256;

/** Bytes between blocks of a panel: with powers of two all blocks would compete for a few lines of the cache. */
const BLOCK_PADDING: i32 = 64;

/** Bytes of the sums of a tile. */
const TILE_BYTES: usize = 192;

/**
 * Outputs of a part. The first group of int8 also makes x_total: by a row of ones after its outputs, if
 * they leave a tile unfilled, else by sums of their own, which cost a fifth of a tile.
 */
let firstOutput: i32 = 0, outputs: i32 = 0, rows: i32 = 0;

/**
 * Sums over the pixels of each chunk: products, and the totals that correct for zero points. A part is a
 * chunk, for a group of the outputs where there are few chunks. The reduction is over pixels: rows are
 * outputs, columns the inputs of all taps.
 */
export function conv_backward_weight(
  c: ConvBackwardWeight, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const int8 = c.INT8 != 0, groups = parts / c.CHUNKS, chunk = part / groups, group = part % groups;
  firstOutput = 4 * firstOf(c.OQ, group, groups);
  outputs = 4 * firstOf(c.OQ, group + 1, groups) - firstOutput;
  const makesTotal = int8 && group == 0, hasOnes = makesTotal && outputs % TILE_ROWS != 0;
  rows = outputs + (hasOnes ? 1 : 0);
  const inputs = 4 * c.IQ, taps = c.KH * c.KW, value = int8 ? 2 : 4;
  const begin = chunk * c.CHUNK, end = min(begin + c.CHUNK, c.PIXELS);
  const limit = min(MAX_PIXELS, max(8, PANEL_BYTES / (inputs * value) & ~3));
  // Panels of equal size.
  const panels = (end - begin + limit - 1) / limit, most = ((end - begin + panels - 1) / panels + 3) & ~3;
  const tapsNow = min(taps, max(1, PANEL_BYTES / (inputs * value * most)));
  const sums = scratch, totals = sums + TILE_BYTES, dy = totals + 4 * (<usize>outputs + 8);
  const tileRows = (rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
  const x = dy + <usize>(tileRows * most * value + 64);
  memory.fill(totals, 0, 4 * outputs);
  for (let pixel = begin; pixel < end; pixel += most) {
    const pixels = min(most, end - pixel), pitch = (pixels + 3) & ~3;
    if (int8) gatherCodes(c, pixel, pixels, pitch, dy, totals);
    else gatherReals(c, pixel, pixels, pitch, dy, totals);
    for (let tap: i32 = 0; tap < taps; tap += tapsNow) {
      const lastTap = min(taps, tap + tapsNow), columns = (lastTap - tap) * inputs;
      if (int8) gatherInputCodes(c, pixel, pixels, pitch, tap, lastTap, x);
      else gatherInputReals(c, pixel, pixels, pitch, tap, lastTap, x);
      for (let k: i32 = 0; k < columns; k += 8) {
        const block = x + <usize>((k >> 3) * blockBytes(c, pitch));
        for (let row: i32 = 0; row < rows; row += TILE_ROWS) {
          const from = dy + <usize>(row * pitch * value);
          if (!int8) {
            loadSums(c, chunk, row, tap * inputs + k, columns - k, pixel == begin, sums);
            mulTile(from, 4 * pitch, block, pitch, sums, 32);
          } else dotTile(from, 2 * pitch, block, pitch >> 1, sums, 32);
          storeSums(c, chunk, row, tap * inputs + k, columns - k, !int8 || pixel == begin, sums);
        }
        if (makesTotal && !hasOnes) {
          sumColumns(block, pitch >> 1, sums);
          storeRow(c.x_total + rowOffset(c, chunk, tap * inputs + k), columns - k > 4, pixel == begin, sums);
        }
      }
    }
  }
  copyTotals(c, chunk, totals);
}

/** Bytes from a block of a panel to the next. */
@inline
function blockBytes(c: ConvBackwardWeight, pitch: i32): i32 {
  return pitch * (c.INT8 ? 16 : 32) + BLOCK_PADDING;
}

/** Bytes to column `column` of a chunk's x_total. */
@inline
function rowOffset(c: ConvBackwardWeight, chunk: i32, column: i32): usize {
  return <usize>(chunk * c.KH * c.KW * 4 * c.IQ + column) << 2;
}

/** Sums of the 8 columns of a block over pairs of pixels. */
function sumColumns(block: usize, pairs: i32, sums: usize): void {
  const ones = i16x8.splat(1);
  let a = i32x4.splat(0), b = i32x4.splat(0);
  for (const end = block + (<usize>pairs << 5); block < end; block += 32) {
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(block), ones));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(block, 16), ones));
  }
  v128.store(sums, a);
  v128.store(sums, b, 16);
}

/** Address of the sums of row `row` of the part from column `column` on. */
@inline
function partialAt(c: ConvBackwardWeight, chunk: i32, row: i32, column: i32): usize {
  const count = c.KH * c.KW * 4 * c.IQ;
  if (row >= outputs) return c.x_total + rowOffset(c, chunk, column);
  return c.partial + (<usize>((chunk * 4 * c.OQ + firstOutput + row) * count + column) << 2);
}

/** Reads what the chunk's earlier pixels have added up to. */
function loadSums(
  c: ConvBackwardWeight, chunk: i32, row: i32, column: i32, columns: i32, isFirst: bool, sums: usize,
): void {
  clear(sums, <i32>TILE_BYTES);
  if (isFirst) return;
  for (let r: i32 = 0; r < min(TILE_ROWS, rows - row); r++, sums += 32) {
    copy(partialAt(c, chunk, row + r, column), sums, min(8, columns));
  }
}

/** Writes the sums of a tile, or adds them to those of the chunk's earlier pixels. */
@inline
function storeSums(
  c: ConvBackwardWeight, chunk: i32, row: i32, column: i32, columns: i32, replaces: bool, sums: usize,
): void {
  const both = columns > 4;
  for (let r: i32 = 0; r < min(TILE_ROWS, rows - row); r++, sums += 32) {
    storeRow(partialAt(c, chunk, row + r, column), both, replaces, sums);
  }
}

/** Writes 8 sums, or 4 where not `both`, or adds them to what is there. */
@inline
function storeRow(to: usize, both: bool, replaces: bool, sums: usize): void {
  let a = v128.load(sums), b = v128.load(sums, 16);
  if (!replaces) {
    a = i32x4.add(a, v128.load(to));
    b = i32x4.add(b, v128.load(to, 16));
  }
  v128.store(to, a);
  if (both) v128.store(to, b, 16);
}

/** Gathers dY as [rows][pixels] of i16, and adds it to the totals. Pixels up to `pitch` that are missing are 0. */
function gatherCodes(
  c: ConvBackwardWeight, pixel: i32, pixels: i32, pitch: i32, dy: usize, totals: usize,
): void {
  const stride = <usize>(4 * c.DQ), row = <usize>pitch << 1, ones = i16x8.splat(1);
  for (let o: i32 = 0; o < outputs; o += 4) {
    let from = c.dy + <usize>(4 * (pixel * c.DQ + c.FIRST) + firstOutput + o), sum = i32x4.splat(0);
    const to = dy + <usize>o * row;
    for (let p: i32 = 0; p < pitch; p += 2, from += 2 * stride) {
      const a = p < pixels ? i16x8.extend_low_i8x16_s(v128.load32_zero(from)) : i16x8.splat(0);
      const b = p + 1 < pixels ? i16x8.extend_low_i8x16_s(v128.load32_zero(from + stride)) : i16x8.splat(0);
      const pairs = i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
      const at = to + (<usize>p << 1);
      v128.store32_lane(at, pairs, 0);
      v128.store32_lane(at + row, pairs, 1);
      v128.store32_lane(at + 2 * row, pairs, 2);
      v128.store32_lane(at + 3 * row, pairs, 3);
      sum = i32x4.add(sum, i32x4.dot_i16x8_s(pairs, ones));
    }
    const total = totals + (<usize>o << 2);
    v128.store(total, i32x4.add(v128.load(total), sum));
  }
  if (rows > outputs) {
    const to = dy + <usize>outputs * row;
    for (let p: i32 = 0; p < pitch; p++) store<i16>(to + (<usize>p << 1), p < pixels ? 1 : 0);
  }
}

/** Gathers dY as [rows][pixels] of f32, and adds it to the totals, pixel by pixel. */
function gatherReals(
  c: ConvBackwardWeight, pixel: i32, pixels: i32, pitch: i32, dy: usize, totals: usize,
): void {
  const stride = <usize>(16 * c.DQ), row = <usize>pitch << 2;
  for (let o: i32 = 0; o < outputs; o += 4) {
    let from = c.dy + (<usize>(4 * (pixel * c.DQ + c.FIRST) + firstOutput + o) << 2);
    let to = dy + <usize>o * row, sum = v128.load(totals + (<usize>o << 2));
    for (let p: i32 = 0; p < pixels; p++, from += stride, to += 4) {
      const v = v128.load(from);
      v128.store32_lane(to, v, 0);
      v128.store32_lane(to + row, v, 1);
      v128.store32_lane(to + 2 * row, v, 2);
      v128.store32_lane(to + 3 * row, v, 3);
      sum = f32x4.add(sum, v);
    }
    for (let p = pixels; p < pitch; p++, to += 4) {
      for (let i: i32 = 0; i < 4; i++) store<f32>(to + <usize>i * row, 0);
    }
    v128.store(totals + (<usize>o << 2), sum);
  }
}

/**
 * Gathers the inputs of some taps as [blocks of 8 columns][pairs of pixels][8 columns][2] of i16. Outside
 * the image they are the zero point; of a missing pixel 0.
 */
function gatherInputCodes(
  c: ConvBackwardWeight, pixel: i32, pixels: i32, pitch: i32, tap: i32, lastTap: i32, panel: usize,
): void {
  const inputs = 4 * c.IQ, KW = c.KW, H = c.H, W = c.W, block = <usize>blockBytes(c, pitch);
  const outside = i16x8.splat(<i16>quantizer(c.quantizers, c.X_ROW).zero);
  openPixel(pixel, c.HO, c.WO);
  for (let p: i32 = 0; p < pitch; p += 2) {
    const pair = panel + (<usize>p << 4), hasSecond = p + 1 < pixels;
    const first = p < pixels ? outside : i16x8.splat(0), second = hasSecond ? outside : i16x8.splat(0);
    const top = row * c.SH - c.PH, left = column * c.SW - c.PW, base = image * H;
    nextPixel(c.HO, c.WO);
    const top2 = row * c.SH - c.PH, left2 = column * c.SW - c.PW, base2 = image * H;
    nextPixel(c.HO, c.WO);
    let ky = tap / KW, kx = tap % KW, k: i32 = 0;
    for (let t = tap; t < lastTap; t++) {
      const isIn = p < pixels && <u32>(top + ky) < <u32>H && <u32>(left + kx) < <u32>W;
      const isIn2 = hasSecond && <u32>(top2 + ky) < <u32>H && <u32>(left2 + kx) < <u32>W;
      const a = c.x + <usize>(((base + top + ky) * W + left + kx) * inputs);
      const b = c.x + <usize>(((base2 + top2 + ky) * W + left2 + kx) * inputs);
      let i: i32 = 0;
      if ((k & 4) == 0) {
        for (; i + 8 <= inputs; i += 8, k += 8) {
          const u = isIn ? v128.load8x8_s(a + i) : first, v = isIn2 ? v128.load8x8_s(b + i) : second;
          const to = pair + <usize>(k >> 3) * block;
          v128.store(to, i8x16.shuffle(u, v, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23));
          const high = i8x16.shuffle(u, v, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
          v128.store(to, high, 16);
        }
      }
      for (; i < inputs; i += 4, k += 4) {
        const u = isIn ? v128.load8x8_s(a + i) : first, v = isIn2 ? v128.load8x8_s(b + i) : second;
        const to = pair + <usize>(k >> 3) * block + <usize>((k & 4) << 2);
        v128.store(to, i8x16.shuffle(u, v, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23));
      }
      if (++kx == KW) {
        kx = 0;
        ky++;
      }
    }
  }
}

/** Gathers the inputs of some taps as [blocks of 8 columns][pixels][8 columns] of f32. */
function gatherInputReals(
  c: ConvBackwardWeight, pixel: i32, pixels: i32, pitch: i32, tap: i32, lastTap: i32, panel: usize,
): void {
  const inputs = 4 * c.IQ, KW = c.KW, H = c.H, W = c.W, block = <usize>blockBytes(c, pitch);
  openPixel(pixel, c.HO, c.WO);
  for (let p: i32 = 0; p < pitch; p++, nextPixel(c.HO, c.WO)) {
    const top = row * c.SH - c.PH, left = column * c.SW - c.PW, base = image * H;
    let ky = tap / KW, kx = tap % KW, k: i32 = 0;
    for (let t = tap; t < lastTap; t++) {
      const isIn = p < pixels && <u32>(top + ky) < <u32>H && <u32>(left + kx) < <u32>W;
      const from = c.x + (<usize>(((base + top + ky) * W + left + kx) * inputs) << 2);
      for (let i: i32 = 0; i < inputs; i += 4, k += 4) {
        const to = panel + <usize>(k >> 3) * block + (<usize>p << 5) + <usize>((k & 4) << 2);
        v128.store(to, isIn ? v128.load(from + (<usize>i << 2)) : i32x4.splat(0));
      }
      if (++kx == KW) {
        kx = 0;
        ky++;
      }
    }
  }
}

/** Writes the totals of dY. */
function copyTotals(c: ConvBackwardWeight, chunk: i32, totals: usize): void {
  copy(totals, c.dy_total + (<usize>(chunk * 4 * c.OQ + firstOutput) << 2), outputs);
}
