/**
 * Tiles of the depthwise kernels: runs of neighbouring pixels of a line.
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
