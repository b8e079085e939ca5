/**
 * Tiles of the depthwise kernels: runs of neighbouring pixels of a line; and the memory of their SIMD forms.
 *
 * @module
 */

/** Maximum pixels in a run. */
const MAX_RUN = 8;
/** Runs per thread, forward and for dX: 56×56×96 forward takes 5.6 ms, with one run 7.2 (llvmpipe). */
export const TURNS = 4;

/** Returns the pixels of a run in a line of `width`, such that runs of a line are as equal as possible. */
export function runOf(width: number): number {
  return Math.ceil(width / Math.ceil(width / MAX_RUN));
}

/** Returns the neighbouring quads of a workgroup: 32 bytes of codes if that divides the channels. */
export function quadLanes(quads: number): number {
  return [8, 4].find((lanes) => quads % lanes === 0) ??
    Math.min(8, 2 ** Math.ceil(Math.log2(quads)));
}

type Shape = Readonly<Record<"WO" | "SW" | "KW" | "CQ" | "LINES", number>>;

/** The tile of depthwise_forward. */
export function depthwiseForwardTile({ WO, SW, KW, CQ }: Shape) {
  const R = runOf(WO);
  return { QL: quadLanes(CQ), R, T: TURNS, RUNS: Math.ceil(WO / R), SPAN: (R - 1) * SW + KW };
}

/** Returns the number of tiles of batch norm's sums that depthwise_forward writes. */
export function depthwiseSumTiles(shape: Shape): number {
  const { QL, T, RUNS } = depthwiseForwardTile(shape);
  return Math.ceil(shape.LINES * RUNS / (64 / QL * T));
}

/** Returns the columns that a SIMD kernel computes for `columns`: wholeColumns of depthwise.simd.ts. */
export function wholeColumns(columns: number): number {
  return 4 * Math.ceil(columns / 4);
}

/** Returns the rows laid out together that `rows` rows reach at most: slotsOf of depthwise.simd.ts. */
function slotsOf(int8: number, rows: number): number {
  return int8 ? Math.floor(rows / 2) + 1 : rows;
}

/** Returns the bytes of laid out weights: `sets` windows of `rows` × `columns` taps. */
export function depthwiseWeightBytes(
  { INT8, CQ }: { readonly INT8: number; readonly CQ: number },
  sets: number,
  rows: number,
  columns: number,
): number {
  return CQ * (16 + (INT8 ? 2 : 1) * sets * slotsOf(INT8, rows) * columns * 16);
}

/**
 * Returns the scratch bytes of a SIMD kernel that lays out rows.
 *
 * @param quads that it lays out
 * @param rows of a window
 * @param columns of a row laid out, with padding
 * @param line columns of the line that it computes
 */
export function depthwiseScratch(
  int8: number,
  quads: number,
  rows: number,
  columns: number,
  line: number,
): number {
  const slots = slotsOf(int8, rows);
  return 16 * (Math.ceil(rows / 4) + 1) + 16 * quads * (slots * columns + line);
}
