// Convolutions of the interpreters of exported files, of whole rows of output pixels. Values are f32, or
// codes, from which the zero point is taken off as they are widened to i16.
//
// Sums are stored in vectors, that of the last channels past them: onto the first channels of the next
// pixel, which are stored later, or at last past the end, where the caller has left room.
import { dotTile, mulTile, TILE_ROWS } from "../../../kernels/include/tile.simd";
import { clear, column, copy, image, nextPixel, openPixel, row, widen } from "../../../kernels/include/conv.simd";

/** Channels of a block of weights. */
const BLOCK: i32 = 8;

let H: i32 = 0, W: i32 = 0, C: i32 = 0, HO: i32 = 0, WO: i32 = 0, O: i32 = 0;
let KH: i32 = 0, KW: i32 = 0, SY: i32 = 0, SX: i32 = 0, TOP: i32 = 0, LEFT: i32 = 0;

/** Sets the sizes, those of `Convolution` in convolve.ts. */
export function setSizes(
  h: i32, w: i32, c: i32, ho: i32, wo: i32, o: i32, kh: i32, kw: i32, sy: i32, sx: i32, top: i32, left: i32,
): void {
  H = h;
  W = w;
  C = c;
  HO = ho;
  WO = wo;
  O = o;
  KH = kh;
  KW = kw;
  SY = sy;
  SX = sx;
  TOP = top;
  LEFT = left;
}

/**
 * Writes the sums of the output rows from `first` on, counted over all images: [rows][wo][o], i32 of codes.
 * Weights are [o / 8][depth][8] f32, or [o / 8][depth / 2][8][2] i16; `patches` has room for `height` pixels
 * of `depth` values each, a multiple of 4.
 */
export function convolveDense(
  int8: bool, first: i32, rows: i32, x: usize, zero: i32, weights: usize, patches: usize, height: i32, depth: i32,
  sums: usize,
): void {
  if (int8) sumDense(true, first, rows, x, zero, weights, patches, height, depth, sums);
  else sumDense(false, first, rows, x, 0, weights, patches, height, depth, sums);
}

@inline
function sumDense(
  int8: bool, first: i32, rows: i32, x: usize, zero: i32, weights: usize, patches: usize, height: i32, depth: i32,
  sums: usize,
): void {
  const pixels = rows * WO, pitch = <usize>O << 2, blocks = (O + BLOCK - 1) / BLOCK;
  const stride = <usize>depth << (int8 ? 1 : 2), blockBytes = BLOCK * stride;
  openPixel(first * WO, HO, WO);
  for (let done: i32 = 0; done < pixels; done += height) {
    const count = min(height, pixels - done);
    for (let i: i32 = 0; i < count; i++, nextPixel(HO, WO)) {
      fillPixel(int8, x, zero, depth, patches + <usize>i * stride);
    }
    // The first block last: see above.
    for (let block = blocks - 1; block >= 0; block--) {
      const w = weights + <usize>block * blockBytes;
      let to = sums + <usize>done * pitch + (<usize>block << 5);
      for (let i: i32 = 0; i < count; i += TILE_ROWS, to += TILE_ROWS * pitch) {
        const from = patches + <usize>i * stride;
        if (int8) dotTile(from, stride, w, depth >> 1, to, pitch);
        else mulFromZero(from, stride, w, depth, to, pitch);
      }
    }
  }
}

/** Six rows of 8 sums of `mulTile`, which adds to what is there. */
const TILE = memory.data(192, 16);

@inline
function mulFromZero(rows: usize, stride: usize, columns: usize, count: i32, to: usize, pitch: usize): void {
  memory.fill(TILE, 0, 192);
  mulTile(rows, stride, columns, count, TILE, 32);
  for (let from = TILE; from < TILE + 192; from += 32, to += pitch) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
  }
}

/** Writes the `depth` values that the pixel's sums have: tap by tap, all channels; zeros outside. */
@inline
function fillPixel(int8: bool, x: usize, zero: i32, depth: i32, to: usize): void {
  const bytes: usize = int8 ? 1 : 4, size = int8 ? 2 : 4, end = to + <usize>(depth * size);
  const y = row * SY - TOP, left = column * SX - LEFT;
  // The taps of a row that lie in the image are neighbours there, too.
  const before = min(max(-left, 0), KW), after = min(max(W - left, before), KW);
  let from = x + <usize>(((image * H + y) * W + left + before) * C) * bytes;
  for (let ky: i32 = 0; ky < KH; ky++, from += <usize>(W * C) * bytes) {
    const inside = <u32>(y + ky) < <u32>H, head = inside ? before : KW, body = inside ? after - before : 0;
    clear(to, head * C * size);
    to += <usize>(head * C * size);
    if (int8) widen(from, to, body * C, i16x8.splat(<i16>zero));
    else copy(from, to, body * C);
    to += <usize>(body * C * size);
    clear(to, (KW - head - body) * C * size);
    to += <usize>((KW - head - body) * C * size);
  }
  clear(to, <i32>(end - to));
}

/**
 * Writes sums of a depthwise convolution. Weights are [o / 8][kernel rows][taps][8] f32, or
 * [o / 8][kernel rows][pairs of taps][8][2] i16; `band` has room for the input rows of `height` output rows,
 * [rows][columns] places.
 */
export function convolveDepth(
  int8: bool, first: i32, rows: i32, x: usize, zero: i32, weights: usize, band: usize, height: i32, columns: i32,
  sums: usize,
): void {
  if (int8) sumDepth(true, first, rows, x, zero, weights, band, height, columns, sums);
  else sumDepth(false, first, rows, x, 0, weights, band, height, columns, sums);
}

/** Bytes of a column of a band, of a tap's or a pair's weights, and of a pixel's sums, of 8 channels. */
const PLACE: usize = 32;

@inline
function sumDepth(
  int8: bool, first: i32, rows: i32, x: usize, zero: i32, weights: usize, band: usize, height: i32, columns: i32,
  sums: usize,
): void {
  const pitch = <usize>O << 2, line = <usize>columns * PLACE, taps = int8 ? (KW + 1) >> 1 : KW;
  for (let block = (C - 1) / BLOCK; block >= 0; block--) {
    const w = weights + <usize>(block * KH * taps) * PLACE;
    for (let done: i32 = 0; done < rows;) {
      // The rows of a band are of one image.
      const from = first + done, image = from / HO, oy = from % HO, count = min(min(height, rows - done), HO - oy);
      const channels = x + (<usize>(image * H * W * C + block * BLOCK) << (int8 ? 0 : 2));
      fillBand(int8, channels, oy * SY - TOP, (count - 1) * SY + KH, zero, columns, band);
      let to = sums + <usize>(done * WO) * pitch + (<usize>block << 5);
      for (let i: i32 = 0; i < count; i++, to += <usize>WO * pitch) {
        sumRow(int8, band + <usize>(i * SY) * line, line, w, taps, to, pitch);
      }
      done += count;
    }
  }
}

/** Lays out input rows from `y` on, with zeros around; of codes each column and the next one in pairs. */
@inline
function fillBand(int8: bool, x: usize, y: i32, rows: i32, zero: i32, columns: i32, to: usize): void {
  const bytes: usize = int8 ? 1 : 4, step = <usize>C * bytes;
  const left = min(LEFT, columns), inside = min(W, columns - left);
  const z = i16x8.splat(<i16>zero), none = i32x4.splat(0);
  for (const end = y + rows; y < end; y++) {
    const stop = to + <usize>columns * PLACE;
    if (<u32>y >= <u32>H) {
      memory.fill(to, 0, stop - to);
      to = stop;
      continue;
    }
    let from = x + <usize>(y * W) * step;
    clear(to, left * <i32>PLACE);
    to += <usize>left * PLACE;
    if (int8) {
      let last = none;
      // A pair is stored when its second column is known.
      for (let i: i32 = 0; i <= inside; i++, from += step, to += PLACE) {
        const next = i < inside ? i16x8.sub(v128.load8x8_s(from), z) : none;
        if (i || left) {
          v128.store(to - PLACE, i16x8.shuffle(last, next, 0, 8, 1, 9, 2, 10, 3, 11));
          v128.store(to - PLACE, i16x8.shuffle(last, next, 4, 12, 5, 13, 6, 14, 7, 15), 16);
        }
        last = next;
      }
      to -= PLACE;
    } else {
      for (let i: i32 = 0; i < inside; i++, from += step, to += PLACE) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
      }
    }
    clear(to, <i32>(stop - to));
    to = stop;
  }
}

@inline
function addProduct(int8: bool, sum: v128, x: v128, w: v128): v128 {
  return int8 ? i32x4.add(sum, i32x4.dot_i16x8_s(x, w)) : f32x4.add(sum, f32x4.mul(x, w));
}

/** Writes the sums of a row of output pixels, of 8 channels; a multiple of 4 pixels. */
@inline
function sumRow(int8: bool, from: usize, line: usize, weights: usize, taps: i32, to: usize, pitch: usize): void {
  const step = <usize>SX * PLACE, next = int8 ? 2 * PLACE : PLACE, rows = KH;
  for (let done: i32 = 0; done < WO; done += 4, from += 4 * step) {
    let a0 = i32x4.splat(0), b0 = i32x4.splat(0), a1 = i32x4.splat(0), b1 = i32x4.splat(0);
    let a2 = i32x4.splat(0), b2 = i32x4.splat(0), a3 = i32x4.splat(0), b3 = i32x4.splat(0);
    let start = from, w = weights;
    for (let ky: i32 = 0; ky < rows; ky++, start += line) {
      let x0 = start, x1 = x0 + step, x2 = x1 + step, x3 = x2 + step;
      for (let tap: i32 = 0; tap < taps; tap++, w += PLACE) {
        const u = v128.load(w), v = v128.load(w, 16);
        a0 = addProduct(int8, a0, v128.load(x0), u);
        b0 = addProduct(int8, b0, v128.load(x0, 16), v);
        a1 = addProduct(int8, a1, v128.load(x1), u);
        b1 = addProduct(int8, b1, v128.load(x1, 16), v);
        a2 = addProduct(int8, a2, v128.load(x2), u);
        b2 = addProduct(int8, b2, v128.load(x2, 16), v);
        a3 = addProduct(int8, a3, v128.load(x3), u);
        b3 = addProduct(int8, b3, v128.load(x3, 16), v);
        x0 += next;
        x1 += next;
        x2 += next;
        x3 += next;
      }
    }
    v128.store(to, a0);
    v128.store(to, b0, 16);
    to += pitch;
    v128.store(to, a1);
    v128.store(to, b1, 16);
    to += pitch;
    v128.store(to, a2);
    v128.store(to, b2, 16);
    to += pitch;
    v128.store(to, a3);
    v128.store(to, b3, 16);
    to += pitch;
  }
}

/** Adds each output's bias to sums of f32, [pixels][outputs], and clips them: `Clipping` of requantize.ts. */
export function clip(sums: usize, pixels: i32, outputs: i32, bias: usize, low: f32, high: f32): void {
  const least = f32x4.splat(low), most = f32x4.splat(high), end = <usize>outputs << 2;
  for (let pixel: i32 = 0; pixel < pixels; pixel++, sums += end) {
    let i: usize = 0;
    for (; i + 16 <= end; i += 16) {
      const v = f32x4.add(v128.load(sums + i), v128.load(bias + i));
      v128.store(sums + i, f32x4.pmin(f32x4.pmax(v, least), most));
    }
    // In place: what comes after is the next pixel's.
    for (; i < end; i += 4) {
      const v = load<f32>(sums + i) + load<f32>(bias + i);
      store<f32>(sums + i, v < low ? low : v > high ? high : v);
    }
  }
}

/** Added to an f32 of less than 2^22, it leaves the nearest whole number, ties to even, in the low bits. */
const ROUND: f32 = 12582912, ROUND_BITS: i32 = 0x4b400000;

/** Codes of sums, [pixels][outputs]: `Requantizer` of requantize.ts. */
export function requantize(
  sums: usize, pixels: i32, outputs: i32, bias: usize, factors: usize, divisor: f32, zero: i32, low: i32, high: i32,
  to: usize,
): void {
  // Bounds are whole: a value within them is rounded to one within them.
  const least = f32x4.splat(<f32>(low - zero)), most = f32x4.splat(<f32>(high - zero));
  const d = f32x4.splat(divisor), none = i32x4.splat(ROUND_BITS - zero);
  for (let pixel: i32 = 0; pixel < pixels; pixel++) {
    let b = bias, f = factors, from = sums, at = to;
    for (const end = to + outputs; at < end; at += 8, from += 32, b += 32, f += 32) {
      const u = roundSums(v128.load(from), v128.load(b), v128.load(f), d, least, most);
      const v = roundSums(v128.load(from, 16), v128.load(b, 16), v128.load(f, 16), d, least, most);
      const codes = i16x8.narrow_i32x4_s(i32x4.sub(u, none), i32x4.sub(v, none));
      v128.store64_lane(at, i8x16.narrow_i16x8_s(codes, codes), 0);
    }
    sums += <usize>outputs << 2;
    to += outputs;
  }
}

/** Rounds values between bounds; the bits are `ROUND_BITS` too large. */
@inline
function roundSums(sum: v128, bias: v128, factor: v128, divisor: v128, low: v128, high: v128): v128 {
  const v = f32x4.div(f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(sum, bias)), factor), divisor);
  return f32x4.add(f32x4.pmin(high, f32x4.pmax(low, v)), f32x4.splat(ROUND));
}
