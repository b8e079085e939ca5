/**
 * Tiles of conv_forward and conv_backward_input.
 *
 * @module
 */
import { DOT, largestDivisor, type Target } from "../define_kernel.ts";

/** Pixels of the smallest tile, which gives the most tiles; the buffer of batch norm's sums has room for these. */
export const MIN_TILE_PIXELS = 64 * 4;

/**
 * Tiles of Q quads of channels and P pixels a thread. On llvmpipe a load costs as much as twenty packed
 * dot products, so large tiles win, until the unrolled loop outgrows the processor's instruction cache:
 * 256 dot products a step are best (conv 32 → 64 on 14 × 14, batch 64: 14.1 ms at 64, 10.9 at 128,
 * 10.3 at 256, 14.0 at 384). The small tile is for GPUs, whose threads have fewer registers.
 *
 * @param pixels number of pixels in a phase
 * @param quads number of quads of output channels
 */
export function convTiles(
  { INT8 }: { readonly INT8: number },
  pixels: number,
  quads: number,
  target: Target,
): { readonly Q: number; readonly P: number; readonly DOT: number }[] {
  const Q = largestDivisor(quads, INT8 ? 8 : 4);
  const large = { Q, P: INT8 ? (Q > 4 ? 8 : 16) : 12 };
  const small = { Q: largestDivisor(quads, 2), P: 4 };
  // As few pixels per thread as the number of tiles allows: 49 rows of 64 pixels are 7 tiles of 7, not
  // of 8, an eighth of which would be past the end.
  const rows = Math.ceil(pixels / 64);
  return [large, small].map(({ Q, P }) => ({
    Q,
    P: Math.ceil(rows / Math.ceil(rows / P)),
    DOT: signedDot(target),
  }));
}

/** Returns the best way of dot products of signed codes. */
export function signedDot({ dots }: Target): number {
  return dots.find((dot) => dot !== DOT.unsigned) ?? DOT.native;
}

/** Pixels of a tile of the CPU, TILE_ROWS of tile.simd.ts, and the most tiles that fill a panel. */
const ROWS = 6, MAX_PANEL_TILES = 16;
/** Bytes of a panel and its line, PANEL_BYTES of conv.simd.ts. */
const PANEL_BYTES = 98304;
/** Parts that keep several threads busy to the end of a phase. */
export const ENOUGH_PARTS = 32;

/**
 * Returns the parts of a SIMD convolution: ranges of tiles of pixels; where those are few, each tile for
 * several groups of blocks of 8 columns, whose parts gather the same pixels again.
 */
export function convParts(pixels: number, blocks: number): number {
  const tiles = Math.ceil(pixels / ROWS);
  if (tiles >= ENOUGH_PARTS) {
    return Math.max(ENOUGH_PARTS, Math.ceil(tiles / MAX_PANEL_TILES));
  }
  return tiles * Math.min(blocks, Math.ceil(ENOUGH_PARTS / tiles));
}

/**
 * Returns the scratch bytes of a SIMD convolution.
 *
 * @param values of a row of the panel
 * @param blocks of 8 columns
 * @param more bytes besides the panel and its line
 */
export function convScratch(
  { INT8 }: { readonly INT8: number },
  values: number,
  blocks: number,
  more = 0,
): number {
  const row = values * (INT8 ? 2 : 4) + 32 * blocks;
  return Math.max(PANEL_BYTES, ROWS * row) + more + 256;
}
