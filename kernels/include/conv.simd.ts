// What the three kernels of a convolution share. Values of pixels are gathered into a panel of rows, one
// row a pixel: int8 codes as i16 with the zero point taken off, or f32. Weights are laid out once a step in
// blocks of 8 columns. Tiles of 6 rows × 8 columns (tile.simd.ts) then need no knowledge of windows. Their
// sums make a line, [pixels][columns], which is stored at once.
import { dotTile, mulTile, TILE_ROWS } from "./tile.simd";

/** Bytes of a panel and its line: they stay in the second cache, a block of columns in the first. */
const PANEL_BYTES: i32 = 98304;

/** Tiles of a panel whose rows have `bytes` bytes, those of the line included. */
@inline
export function tilesOfPanel(bytes: i32): i32 {
  return min(16, max(1, PANEL_BYTES / (TILE_ROWS * bytes)));
}

/** Sums of a panel's tiles: [tiles · 6 pixels][blocks · 8 columns], from `panel` and laid out weights. */
export function sumTiles(
  int8: bool, tiles: i32, panel: usize, stride: i32, count: i32, weights: usize, blocks: i32, sums: usize,
): void {
  const pitch = <usize>blocks << 5, bytes = <usize>count * (int8 ? 16 : 32);
  for (let block: i32 = 0; block < blocks; block++, weights += bytes) {
    for (let tile: i32 = 0; tile < tiles; tile++) {
      const rows = panel + <usize>(tile * TILE_ROWS * stride);
      const to = sums + <usize>(tile * TILE_ROWS) * pitch + (<usize>block << 5);
      if (int8) dotTile(rows, stride, weights, count >> 1, to, pitch);
      else mulTile(rows, stride, weights, count, to, pitch);
    }
  }
}

/** Widens codes to i16 minus `zero`; writes up to 14 bytes more than `count` values. */
@inline
export function widen(from: usize, to: usize, count: i32, zero: v128): void {
  for (const end = from + count; from < end; from += 8, to += 16) {
    v128.store(to, i16x8.sub(v128.load8x8_s(from), zero));
  }
}

/** Copies `count` f32 values, a multiple of 4. */
@inline
export function copy(from: usize, to: usize, count: i32): void {
  for (const end = from + (<usize>count << 2); from < end; from += 16, to += 16) {
    v128.store(to, v128.load(from));
  }
}

/** Clears `bytes` bytes, a multiple of 8; writes up to 8 bytes more. */
@inline
export function clear(to: usize, bytes: i32): void {
  for (const end = to + bytes; to < end; to += 16) v128.store(to, i32x4.splat(0));
}

/**
 * Lays out the codes of packed_index.ts for `dotTile`: from one row quad of two column quads (16 bytes
 * each, `second` is 0 if there is one only) to two pairs of rows of 8 columns.
 */
@inline
export function widenQuads(first: usize, second: usize, to: usize): void {
  const a = i16x8.extend_low_i8x16_s(v128.load(first)), b = i16x8.extend_high_i8x16_s(v128.load(first));
  v128.store(to, i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27));
  v128.store(to, i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 32);
  let c = i32x4.splat(0), d = i32x4.splat(0);
  if (second) {
    c = i16x8.extend_low_i8x16_s(v128.load(second));
    d = i16x8.extend_high_i8x16_s(v128.load(second));
  }
  v128.store(to, i8x16.shuffle(c, d, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27), 16);
  v128.store(to, i8x16.shuffle(c, d, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 48);
}

/**
 * Lays out four f32 values (of the reduction) of each of four columns for `mulTile`. Columns are
 * `stride` bytes apart; `to` is the first column's place in a block of 8.
 */
@inline
export function transposeQuad(from: usize, stride: usize, to: usize): void {
  const a = v128.load(from), b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride), d = v128.load(from + 3 * stride);
  storeTransposed(a, b, c, d, to, 32);
}

/** Stores the columns of four vectors of 4 words, one after another, `stride` bytes apart. */
@inline
export function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize, stride: usize): void {
  const ab = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const cd = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const AB = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const CD = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(to, i64x2.shuffle(ab, cd, 0, 2));
  v128.store(to + stride, i64x2.shuffle(ab, cd, 1, 3));
  v128.store(to + 2 * stride, i64x2.shuffle(AB, CD, 0, 2));
  v128.store(to + 3 * stride, i64x2.shuffle(AB, CD, 1, 3));
}

/** A pixel that kernels count on from, as a division takes 25 cycles: its image, row and column. */
export let image: i32 = 0, row: i32 = 0, column: i32 = 0;

/** Goes to pixel `pixel` of images of `rows` × `columns`. */
export function openPixel(pixel: i32, rows: i32, columns: i32): void {
  image = pixel / (rows * columns);
  row = pixel / columns % rows;
  column = pixel % columns;
}

/** Goes to the next pixel. */
@inline
export function nextPixel(rows: i32, columns: i32): void {
  if (++column < columns) return;
  column = 0;
  if (++row < rows) return;
  row = 0;
  image++;
}
