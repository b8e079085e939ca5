/**
 * Tiles of conv_forward and conv_backward_input.
 *
 * @module
 */
import { DOT, ENOUGH_GROUPS, grid, largestDivisor, type Target, wideOf } from "../define_kernel.ts";

/** Pixels of the smallest tile, which gives the most tiles; the buffer of batch norm's sums has room for these. */
export const MIN_TILE_PIXELS = 64;

/**
 * A tile of conv_forward or conv_backward_input: P pixels and Q quads of channels of a thread; K elements of
 * the reduction in workgroup memory, 0 for a tile in registers; V quads in a load of the input; DOT.
 */
type ConvTile = Readonly<Record<"P" | "Q" | "K" | "V" | "DOT", number>>;

/**
 * Tiles in workgroup memory, of 16·P pixels × 64·Q channels × K elements: 64 × 128 × 16, 128 × 128 × 8,
 * 128 × 64 × 16 and 64 × 64 × 16.
 */
const GROUP_TILES = [
  { P: 4, Q: 2, K: 16 },
  { P: 8, Q: 2, K: 8 },
  { P: 8, Q: 1, K: 16 },
  { P: 4, Q: 1, K: 16 },
] as const;

/**
 * Returns the tiles of a convolution.
 *
 * In registers, tiles have Q quads of channels and P pixels a thread. On llvmpipe a load costs as much as
 * twenty packed dot products, so large tiles win, until the unrolled loop outgrows the processor's
 * instruction cache: 256 dot products a step are best (conv 32 → 64 on 14 × 14, batch 64: 14.1 ms at 64,
 * 10.9 at 128, 10.3 at 256, 14.0 at 384). A GPU's threads have fewer registers (the large tile spills 114
 * to 229 of them on RDNA 2), and much workgroup memory.
 *
 * @param pixels number of pixels in a phase
 * @param quads number of quads of output channels
 * @param inputQuads number of quads of a pixel of the input
 * @param phases number of phases
 */
export function convTiles(
  { INT8 }: { readonly INT8: number },
  pixels: number,
  quads: number,
  inputQuads: number,
  { software, dots }: Target,
  phases = 1,
): ConvTile[] {
  // As few pixels per thread as the number of tiles allows: 49 rows of 64 pixels are 7 tiles of 7, not
  // of 8, an eighth of which would be past the end.
  const rows = Math.ceil(pixels / 64);
  const V = INT8 && !software ? wideOf(inputQuads) : 1, Q = largestDivisor(quads, INT8 ? 8 : 4);
  const inRegisters = (P: number, Q: number) => ({
    P: Math.ceil(rows / Math.ceil(rows / P)),
    Q: largestDivisor(quads, Q),
    K: 0,
    V,
  });
  const small = inRegisters(4, 2);
  const shapes = software ? [inRegisters(INT8 ? (Q > 4 ? 8 : 16) : 12, Q), small] : [
    ...GROUP_TILES.map((tile) => ({ ...tile, V })),
    small,
  ].toSorted((a, b) => cost(pixels, quads, phases, a) - cost(pixels, quads, phases, b));
  return (INT8 ? dots : [DOT.native]).flatMap((DOT) => shapes.map((shape) => ({ ...shape, DOT })));
}

/**
 * What a product takes: in 64 × 128 and 128 × 128 tiles 1, in smaller ones as much more as they load more
 * (for a dot product 0.115 loads, 0.121 in 128 × 64, 0.16 in 64 × 64); in registers, as each thread loads
 * weights of its own.
 */
function costOf({ P, Q, K }: Pick<ConvTile, "P" | "Q" | "K">): number {
  if (K === 0) return 1.15;
  return Q > 1 ? 1 : P > 4 ? 1.05 : 1.4;
}

/**
 * Returns the order in which tiles are tried: those that fill a large GPU before those that do not, then by
 * the products that a thread computes in all rounds of workgroups.
 */
function cost(
  pixels: number,
  quads: number,
  phases: number,
  tile: Pick<ConvTile, "P" | "Q" | "K">,
): number {
  const groups = convWorkgroups(pixels, quads, tile, phases).reduce((a, b) => a * b);
  const filled = groups / (tile.K > 0 ? 1 : 4) / ENOUGH_GROUPS;
  const products = Math.ceil(filled) * tile.P * tile.Q * costOf(tile);
  return filled < 1 ? 1e9 + products : products;
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

/** Returns the workgroups of a tile: over pixels in x and y, over channels in z. */
export function convWorkgroups(
  pixels: number,
  quads: number,
  { P, Q, K }: Readonly<Record<"P" | "Q" | "K", number>>,
  phases = 1,
) {
  return K > 0
    ? grid(Math.ceil(pixels / (16 * P)), phases * Math.ceil(quads / (16 * Q)))
    : grid(Math.ceil(pixels / (64 * P)), phases * quads / Q);
}
