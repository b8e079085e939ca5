/**
 * The kernel `depthwise_backward_weight`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, write } from "../define_kernel.ts";
import { depthwiseScratch, depthwiseWeightTile } from "../include/depthwise_tiles.ts";
import { quad, tables } from "../include/interface.ts";
import { depthwiseBackwardWeight as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Parts that keep several threads busy. */
const ENOUGH_PARTS = 16;

/** Returns the groups of quads of a chunk, if chunks are few. */
function groupsOf(chunks: number, quads: number): number {
  return Math.max(1, Math.min(Math.ceil(quads / 4), Math.ceil(ENOUGH_PARTS / chunks)));
}

/** The gradient of a depthwise convolution's weights, chunk by chunk of rows. */
export const depthwiseBackwardWeight = defineKernel({
  name: "depthwise_backward_weight",
  constants: {
    ...quad,
    V: 1,
    H: "operand",
    W: "operand",
    HO: "operand",
    WO: "operand",
    LINES: "operand",
    CQ: "operand",
    KH: "operand",
    SH: "operand",
    PH: "operand",
    PW: "operand",
    ROWS: "operand",
    CHUNKS: "operand",
    KW: "integer",
    SW: "integer",
    BIAS: "flag",
    X_ROW: "row",
    DY_ROW: "row",
    RUNS: "tile operand",
    R: "tile",
    S: "tile",
    SPAN: "tile",
    COLUMNS: "tile",
    LANES: "tile",
    THREADS: "tile",
    JOINED: "tile",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    dy: read(4, "codes"),
    partial: write(5, "sum"),
    dy_total: write(6, "sum", { when: "BIAS" }),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => [depthwiseWeightTile(c, target)],
    workgroups: ({ CHUNKS, CQ, KH, COLUMNS }) => [Math.ceil(CHUNKS * CQ / COLUMNS), KH, 1],
  },
  simd: {
    parts: ({ CHUNKS, CQ }) => [CHUNKS * groupsOf(CHUNKS, CQ)],
    scratch: ({ CHUNKS, CQ, W, WO, KH, KW, SW, PW }) => {
      const quads = Math.ceil(CQ / groupsOf(CHUNKS, CQ));
      return depthwiseScratch(0, quads, KH, Math.max(PW + W, (WO - 1) * SW + KW), WO);
    },
  },
});
