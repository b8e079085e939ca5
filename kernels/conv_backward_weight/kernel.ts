/**
 * The kernel `conv_backward_weight`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import {
  defineKernel,
  DOT,
  ENOUGH_GROUPS,
  partsOf,
  read,
  type Target,
  threads,
  wideOf,
  write,
} from "../define_kernel.ts";
import { ENOUGH_PARTS } from "../include/conv_tiles.ts";
import { quad, tables } from "../include/interface.ts";
import { convBackwardWeight as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The sizes that tiles follow from. */
type Sizes = Readonly<
  Record<
    "INT8" | "IQ" | "OQ" | "DQ" | "FIRST" | "KH" | "KW" | "WO" | "PIXELS" | "CHUNK" | "ROOM",
    number
  >
>;

/** The tile of a CPU adapter: all sums of a thread in registers, which spill on a GPU. */
function registerTiles({ INT8, IQ, OQ, DQ, PIXELS, CHUNK }: Sizes, { dots }: Target) {
  const XQ = wideOf(IQ), YQ = Math.min(wideOf(DQ), wideOf(OQ));
  const shape = {
    ...(INT8 ? { XQ, YQ, XV: XQ, YV: YQ, K: 4 } : { XQ, YQ, XV: 1, YV: 1, K: 1 }),
    WHOLE: 0,
    SLICES: Math.ceil(PIXELS / CHUNK),
    SLICE: CHUNK,
  };
  return (INT8 ? dots : [DOT.native]).map((DOT) => ({ ...shape, DOT }));
}

/**
 * Tiles in workgroup memory, by 256 threads: quads of rows (outputs) and columns (inputs of taps) of a thread,
 * words of both in memory at a time, and what a product takes. 64 × 128 and 128 × 64 weights,
 * 128 × 128, and 64 × 64, which loads twice as much for a product.
 */
const GROUP_TILES = [
  { YQ: 1, XQ: 2, K: 16, cost: 1 },
  { YQ: 2, XQ: 1, K: 16, cost: 0.97 },
  { YQ: 2, XQ: 2, K: 8, cost: 0.93 },
  { YQ: 1, XQ: 1, K: 16, cost: 1.2 },
] as const;

/** Maximum pixels in a slice: 32,768·255² < 2³¹. */
export const MAX_SLICE = 32768;

/** Returns the tiles in workgroup memory, in the order of what they cost on a large GPU. */
function groupTiles(c: Sizes, { dots }: Target) {
  const { INT8, IQ, OQ, DQ, FIRST, KH, KW, WO, PIXELS, CHUNK, ROOM } = c;
  const shapes = GROUP_TILES.map(({ YQ, XQ, K, cost }) => {
    const groups = Math.ceil(KH * KW * IQ / (16 * XQ)) * Math.ceil(OQ / (16 * YQ));
    const wanted = Math.max(Math.ceil(PIXELS / MAX_SLICE), Math.ceil(ENOUGH_GROUPS / groups));
    // Whole rounds, so that only the last slice has pixels that are missing.
    const SLICE = INT8 ? 4 * K * Math.ceil(PIXELS / Math.min(ROOM, wanted) / (4 * K)) : CHUNK;
    const SLICES = Math.ceil(PIXELS / SLICE), filled = groups * SLICES / ENOUGH_GROUPS;
    // A thread that copies two quads of a word of columns, or of rows, loads both at once where they are even.
    const XV = INT8 && XQ * K === 32 && IQ % 2 === 0 ? 2 : 1;
    const YV = INT8 && YQ * K === 32 && (DQ | FIRST) % 2 === 0 ? 2 : 1;
    const tile = {
      ...{ XQ, YQ, XV, YV, K },
      WHOLE: INT8 && WO % 4 === 0 ? 1 : 0,
      SLICES,
      SLICE,
    };
    return { tile, cost: Math.max(1, filled) * SLICE * YQ * XQ * cost };
  }).toSorted((a, b) => a.cost - b.cost);
  const ways = INT8 ? dots : [DOT.native];
  return ways.flatMap((DOT) => shapes.map(({ tile }) => ({ ...tile, DOT })));
}

/** The gradient of a convolution's weights and of its bias. */
export const convBackwardWeight = defineKernel({
  name: "conv_backward_weight",
  constants: {
    ...quad,
    V: 1,
    H: "operand",
    W: "operand",
    HO: "operand",
    WO: "operand",
    IQ: "operand",
    OQ: "operand",
    DQ: "operand",
    FIRST: "operand",
    PIXELS: "operand",
    KH: "operand",
    KW: "operand",
    SH: "operand",
    SW: "operand",
    PH: "operand",
    PW: "operand",
    CHUNK: "operand",
    ROOM: "operand",
    BIAS: "flag",
    X_ROW: "row",
    DY_ROW: "row",
    NONFINITE: { nonfinite: "gradient", in: "gradient" },
    BIAS_NONFINITE: { nonfinite: "bias_gradient", in: "gradient" },
    ACCUMULATE: "epilogue",
    DOT: "tile",
    XV: "tile",
    YV: "tile",
    XQ: "tile",
    YQ: "tile",
    K: "tile",
    WHOLE: "tile",
    SLICES: "tile operand",
    SLICE: "tile operand",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    dy: read(4, "codes"),
    partial: write(5, "sum", { scratch: true }),
    gradient: write(6, "f32"),
    bias_gradient: write(7, "f32", { when: "BIAS" }),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => target.software ? registerTiles(c, target) : groupTiles(c, target),
    workgroups: ({ SLICES, IQ, XQ, OQ, YQ, KH, KW, K }) =>
      K > 4
        ? [Math.ceil(KH * KW * IQ / (16 * XQ)), Math.ceil(OQ / (16 * YQ)), SLICES]
        : [Math.ceil(SLICES * IQ / XQ / 64), OQ / YQ, KH * KW],
    join: ({ OQ, KH, KW, IQ }) => threads(OQ * KH * KW * IQ),
  },
  simd: {
    // Where chunks are few, groups of about 48 outputs, 8 tiles, as each gathers the same inputs.
    parts: ({ PIXELS, CHUNK, OQ, KH, KW, IQ }) => {
      const chunks = Math.ceil(PIXELS / CHUNK);
      const groups = Math.min(Math.ceil(OQ / 12), Math.max(1, Math.floor(ENOUGH_PARTS / chunks)));
      return [chunks * groups, ...partsOf(4 * OQ, KH * KW * 4 * IQ * chunks)];
    },
    // Sums and totals, dY of 256 pixels, and a panel of inputs with its padding, or a row of dW: see simd.ts.
    scratch: ({ OQ, IQ, KH, KW }) =>
      1024 + 16 * OQ + (4 * OQ + 7) * 256 * 4 + Math.max(2 ** 18, 8 * 16 * IQ) +
      64 * (KH * KW * IQ + 2) + 2 ** 13,
  },
});
