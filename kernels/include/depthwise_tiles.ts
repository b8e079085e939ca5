/**
 * Tiles of the depthwise kernels: runs of neighbouring pixels of a line; and the memory of their SIMD forms.
 *
 * @module
 */
import { ENOUGH_THREADS, largestDivisor, type Target } from "../define_kernel.ts";

/** Maximum pixels in a run: on the processor, and on a GPU, whose registers hold fewer sums. */
const MAX_RUN = 8, MAX_GPU_RUN = 4;
/** Runs per thread, forward and for dX: 56×56×96 forward takes 5.6 ms, with one run 7.2 (llvmpipe). */
const TURNS = 4;

/** Returns the pixels of a run in a line of `width`, such that runs of a line are as equal as possible. */
export function runOf(width: number, software: boolean): number {
  return Math.ceil(width / Math.ceil(width / (software ? MAX_RUN : MAX_GPU_RUN)));
}

/**
 * Returns the neighbouring quads and the threads of a workgroup. On the processor QL is 32 bytes of codes if
 * that divides the channels. A GPU's threads read 128 bytes side by side, or what divides the channels.
 */
export function quadLanes(quads: number, software: boolean): { QL: number; THREADS: number } {
  if (software) {
    const QL = [8, 4].find((lanes) => quads % lanes === 0) ??
      Math.min(8, 2 ** Math.ceil(Math.log2(quads)));
    return { QL, THREADS: 64 };
  }
  const even = [32, 24, 16, 8].find((lanes) => quads % lanes === 0) ?? largestDivisor(quads, 32);
  const QL = quads > 8 && even < 8 ? 16 : even;
  return { QL, THREADS: QL * Math.max(8, Math.floor(64 / QL)) };
}

type Shape = Readonly<Record<"WO" | "SW" | "KW" | "CQ" | "LINES", number>>;

/** The tile of depthwise_forward; T runs of a thread are as many as TILES workgroups need. */
export function depthwiseForwardTile(
  { WO, SW, KW, CQ, LINES, TILES }: Shape & { readonly TILES: number },
  { software }: Target,
) {
  const R = runOf(WO, software),
    RUNS = Math.ceil(WO / R),
    { QL, THREADS } = quadLanes(CQ, software);
  const T = software ? TURNS : Math.ceil(LINES * RUNS / (TILES * THREADS / QL));
  return { QL, THREADS, R, T, RUNS, SPAN: (R - 1) * SW + KW };
}

/** Returns the number of tiles of batch norm's sums that depthwise_forward writes. */
export function depthwiseSumTiles({ WO, CQ, LINES }: Shape): number {
  const { QL, THREADS } = quadLanes(CQ, true);
  return Math.ceil(LINES * Math.ceil(WO / runOf(WO, true)) / (THREADS / QL * TURNS));
}

/** The tile of depthwise_backward_input. */
export function depthwiseBackwardTile(
  c: Readonly<Record<"N" | "H" | "W" | "SH" | "SW" | "KW" | "CQ", number>>,
  { software }: Target,
) {
  const width = Math.ceil(c.W / c.SW), R = runOf(width, software), RUNS = Math.ceil(width / R);
  const { QL, THREADS } = quadLanes(c.CQ, software), AX = Math.ceil(c.KW / c.SW);
  const runs = c.N * c.H * c.SW * RUNS * c.CQ;
  const T = software ? TURNS : Math.min(8, Math.max(1, Math.floor(runs / ENOUGH_THREADS)));
  return { QL, THREADS, QG: Math.ceil(c.CQ / QL), R, T, RUNS, AX, SPAN: R + AX - 1 };
}

/** Maximum columns of a window whose sums the threads of a GPU join: 8 KiB of workgroup memory. */
const MAX_JOINED = 15;

/**
 * The tile of depthwise_backward_weight. The pixels of a run (R) order f32 sums, so a GPU has those of the
 * processor and takes a part of them (S) at a time.
 */
export function depthwiseWeightTile(
  { INT8, WO, SW, KW, BIAS }: Readonly<Record<"INT8" | "WO" | "SW" | "KW" | "BIAS", number>>,
  { software }: Target,
) {
  const joins = !software && INT8 && KW <= MAX_JOINED;
  const R = runOf(WO, software || !INT8), S = software ? R : runOf(R, false);
  const COLUMNS = joins ? 32 : 64, LANES = joins ? 8 : 1;
  return {
    R,
    S,
    RUNS: Math.ceil(WO / R),
    SPAN: (S - 1) * SW + KW,
    COLUMNS,
    LANES,
    THREADS: COLUMNS * LANES,
    JOINED: 4 * (KW + BIAS) * COLUMNS,
  };
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
