import { clear, column, copy, image, nextPixel, openPixel, row } from "../include/conv.simd";
import { count, firstOf, isBad, quantizer } from "../include/quantize.simd";
import { ConvBackwardWeight, Step } from "../include/records.simd";
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
 * Outputs of a part. The first group of int8 also makes the totals of X: by a row of ones after its outputs, if
 * they leave a tile unfilled, else by sums of their own, which cost a fifth of a tile.
 */
let firstOutput: i32 = 0, outputs: i32 = 0, rows: i32 = 0;

/** dW and db: first the sums of each chunk of pixels, then the chunks. */
export function conv_backward_weight(
  c: ConvBackwardWeight, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  if (phase == 0) sumChunk(c, part, parts, scratch);
  else joinChunks(c, part, parts, scratch);
}

/** Chunks that the pixels are cut into. */
@inline
function chunksOf(c: ConvBackwardWeight): i32 {
  return (c.PIXELS + c.CHUNK - 1) / c.CHUNK;
}

/** Sums of a row of products, of all taps and inputs. */
@inline
function rowSize(c: ConvBackwardWeight): i32 {
  return c.KH * c.KW * 4 * c.IQ;
}

/** Address of the sums of a chunk: rows of products of all outputs, a row of totals of X, the totals of dY. */
@inline
function chunkAt(c: ConvBackwardWeight, chunk: i32): usize {
  return c.partial + (<usize>(chunk * ((4 * c.OQ + 1) * rowSize(c) + 4 * c.OQ)) << 2);
}

/** Address of a row of products from column `column` on; the row after the last output's is that of X. */
@inline
function rowAt(c: ConvBackwardWeight, chunk: i32, output: i32, column: i32): usize {
  return chunkAt(c, chunk) + (<usize>(output * rowSize(c) + column) << 2);
}

/** Address of the totals of dY from output `output` on. */
@inline
function totalsAt(c: ConvBackwardWeight, chunk: i32, output: i32): usize {
  return rowAt(c, chunk, 4 * c.OQ + 1, output);
}

/**
 * Sums over the pixels of a chunk: products, and the totals that correct for zero points. A part is a
 * chunk, for a group of the outputs where there are few chunks. The reduction is over pixels: rows are
 * outputs, columns the inputs of all taps.
 */
function sumChunk(c: ConvBackwardWeight, part: i32, parts: i32, scratch: usize): void {
  const int8 = c.INT8 != 0, groups = parts / chunksOf(c), chunk = part / groups, group = part % groups;
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
          storeRow(rowAt(c, chunk, 4 * c.OQ, tap * inputs + k), columns - k > 4, pixel == begin, sums);
        }
      }
    }
  }
  copy(totals, totalsAt(c, chunk, firstOutput), outputs);
}

/** Bytes from a block of a panel to the next. */
@inline
function blockBytes(c: ConvBackwardWeight, pitch: i32): i32 {
  return pitch * (c.INT8 ? 16 : 32) + BLOCK_PADDING;
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
  return rowAt(c, chunk, row < outputs ? firstOutput + row : 4 * c.OQ, column);
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

/** Adds the chunks. A part is a range of outputs; the first one also makes the gradient of the bias. */
function joinChunks(c: ConvBackwardWeight, part: i32, parts: i32, scratch: usize): void {
  const adds = c.ACCUMULATE != 0 && changetype<Step>(c.step).first > 0;
  let bad: i32 = 0;
  for (let o = firstOf(4 * c.OQ, part, parts); o < firstOf(4 * c.OQ, part + 1, parts); o++) {
    bad += c.INT8 ? joinCodes(c, o, adds, scratch) : joinReals(c, o, adds, scratch);
  }
  count(c.statistics + (<usize>c.NONFINITE << 2), bad);
  if (c.BIAS && part == 0) joinBias(c, adds);
}

/** Pixels of a chunk. */
@inline
function pixelsOf(c: ConvBackwardWeight, chunk: i32): i32 {
  return min(c.CHUNK, c.PIXELS - chunk * c.CHUNK);
}

/** The gradients of one output's weights, in f32. Returns the vectors of four that are not finite. */
function joinReals(c: ConvBackwardWeight, o: i32, adds: bool, sums: usize): i32 {
  const bytes = <usize>rowSize(c) << 2, end = sums + bytes;
  memory.fill(sums, 0, bytes);
  for (let chunk: i32 = 0; chunk < chunksOf(c); chunk++) {
    let from = rowAt(c, chunk, o, 0);
    for (let to = sums; to < end; to += 16, from += 16) {
      v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    }
  }
  let to = c.gradient + <usize>o * bytes, bad: i32 = 0;
  for (; sums < end; sums += 16, to += 16) bad += storeGradient(to, v128.load(sums), adds);
  return bad;
}

/**
 * The same in int8. The sum over a chunk with the zero points taken off is an i32; of these the lower and
 * the upper halves are added, exact for up to 65,536 chunks.
 */
function joinCodes(c: ConvBackwardWeight, o: i32, adds: bool, halves: usize): i32 {
  const size = rowSize(c), bytes = <usize>size << 2, half = i32x4.splat(0xffff);
  const x = quantizer(c.quantizers, c.X_ROW), dy = quantizer(c.quantizers, c.DY_ROW);
  const zeroX = <i32>x.zero, zeroDy = <i32>dy.zero, vzeroDy = i32x4.splat(zeroDy);
  const endOfHalves = halves + 2 * bytes;
  memory.fill(halves, 0, 2 * bytes);
  for (let chunk: i32 = 0; chunk < chunksOf(c); chunk++) {
    // Terms wrap around, but their sum is less than 2³¹: 32,768 pixels of 255 · 255.
    const same = i32x4.splat(pixelsOf(c, chunk) * zeroX * zeroDy - zeroX * load<i32>(totalsAt(c, chunk, o)));
    let from = rowAt(c, chunk, o, 0), total = rowAt(c, chunk, 4 * c.OQ, 0);
    for (let to = halves; to < endOfHalves; to += 32, from += 16, total += 16) {
      const products = i32x4.sub(v128.load(from), i32x4.mul(vzeroDy, v128.load(total)));
      const sum = i32x4.add(products, same);
      v128.store(to, i32x4.add(v128.load(to), v128.and(sum, half)));
      v128.store(to, i32x4.add(v128.load(to, 16), i32x4.shr_s(sum, 16)), 16);
    }
  }
  const unit = f32x4.splat(x.scale * dy.scale);
  let to = c.gradient + <usize>o * bytes, bad: i32 = 0;
  for (; halves < endOfHalves; halves += 32, to += 16) {
    bad += storeGradient(to, f32x4.mul(roundHalves(v128.load(halves), v128.load(halves, 16)), unit), adds);
  }
  return bad;
}

/** Rounds four integers, `high` · 2¹⁶ + `low`, to f32 as float64 of norm.simd.ts does. */
@inline
function roundHalves(low: v128, high: v128): v128 {
  const a = i64x2.add(i64x2.shl(i64x2.extend_low_i32x4_s(high), 16), i64x2.extend_low_i32x4_u(low));
  const b = i64x2.add(i64x2.shl(i64x2.extend_high_i32x4_s(high), 16), i64x2.extend_high_i32x4_u(low));
  const signA = i64x2.shr_s(a, 63), signB = i64x2.shr_s(b, 63);
  const absA = i64x2.sub(v128.xor(a, signA), signA), absB = i64x2.sub(v128.xor(b, signB), signB);
  const lower = i8x16.shuffle(absA, absB, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const upper = i8x16.shuffle(absA, absB, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  const sign = i8x16.shuffle(signA, signB, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const f = f32x4.add(
    f32x4.mul(f32x4.convert_i32x4_u(upper), f32x4.splat(4294967296.0)),
    f32x4.convert_i32x4_u(lower),
  );
  return v128.or(f, i32x4.shl(sign, 31));
}

function joinBias(c: ConvBackwardWeight, adds: bool): void {
  const dy = quantizer(c.quantizers, c.DY_ROW), scale = f32x4.splat(dy.scale), half = i32x4.splat(0xffff);
  let bad: i32 = 0;
  for (let o: i32 = 0; o < 4 * c.OQ; o += 4) {
    let sum = f32x4.splat(0), low = i32x4.splat(0), high = i32x4.splat(0);
    for (let chunk: i32 = 0; chunk < chunksOf(c); chunk++) {
      let v = v128.load(totalsAt(c, chunk, o));
      if (c.INT8) {
        v = i32x4.sub(v, i32x4.splat(pixelsOf(c, chunk) * <i32>dy.zero));
        low = i32x4.add(low, v128.and(v, half));
        high = i32x4.add(high, i32x4.shr_s(v, 16));
      } else sum = f32x4.add(sum, v);
    }
    if (c.INT8) sum = f32x4.mul(roundHalves(low, high), scale);
    bad += storeGradient(c.bias_gradient + (<usize>(4 * c.FIRST + o) << 2), sum, adds);
  }
  count(c.statistics + (<usize>c.BIAS_NONFINITE << 2), bad);
}

/** Writes four values, or adds them to what is there. Returns 1 if one of the results is not finite, else 0. */
@inline
function storeGradient(to: usize, v: v128, adds: bool): i32 {
  if (adds) v = f32x4.add(v, v128.load(to));
  v128.store(to, v);
  return isBad(v);
}
