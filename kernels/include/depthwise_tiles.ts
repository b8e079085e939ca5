/**
 * How the depthwise kernels are cut: into runs of neighbouring pixels of a line.
 *
 * @module
 */

/** Pixels in a run, at most. */
const MAX_RUN = 8;
/** Runs that a thread of the passes for X owns: 56×56×96 forward 5.6 ms, with one 7.2 (llvmpipe). */
export const TURNS = 4;

/** Pixels of a run in a line of `width`: runs of a line are as equal as they can be. */
export function runOf(width: number): number {
  return Math.ceil(width / Math.ceil(width / MAX_RUN));
}

/** Neighbouring quads of a workgroup: 32 bytes of codes where they divide the channels. */
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

/** Tiles of batch norm's sums that depthwise_forward makes. */
export function depthwiseSumTiles(shape: Shape): number {
  const { QL, T, RUNS } = depthwiseForwardTile(shape);
  return Math.ceil(shape.LINES * RUNS / (64 / QL * T));
}
