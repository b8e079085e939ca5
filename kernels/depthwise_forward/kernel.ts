/**
 * The kernel `depthwise_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, grid, partsOf, read, write } from "../define_kernel.ts";
import {
  depthwiseForwardTile,
  depthwiseScratch,
  depthwiseWeightBytes,
  wholeColumns,
} from "../include/depthwise_tiles.ts";
import { store, tables } from "../include/interface.ts";
import { depthwiseForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Returns the parts of the lines. */
function lineParts({ LINES, WO, CQ }: Readonly<Record<"LINES" | "WO" | "CQ", number>>) {
  return partsOf(LINES, WO * 4 * CQ);
}

/** Depthwise convolution: each output channel depends on one input channel. */
export const depthwiseForward = defineKernel({
  name: "depthwise_forward",
  constants: {
    ...store,
    V: 1,
    H: "operand",
    W: "operand",
    HO: "operand",
    WO: "operand",
    LINES: "operand",
    CQ: "operand",
    CHANNELS: "operand",
    KH: "operand",
    SH: "operand",
    PH: "operand",
    PW: "operand",
    TILES: "operand",
    KW: "integer",
    SW: "integer",
    BIAS: "flag",
    SUMS: "flag",
    X_ROW: "row",
    Y_ROW: "row",
    QL: "tile",
    RUNS: "tile operand",
    T: "tile operand",
    THREADS: "tile",
    R: "tile",
    SPAN: "tile",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    weight: read(4, "codes"),
    scales: read(5, "f32", { when: "INT8" }),
    bias: read(6, "f32", { when: "BIAS" }),
    y: write(7, "stored"),
    sums: write(8, "i32", { when: "SUMS", byTile: true }),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => [depthwiseForwardTile(c, target)],
    workgroups: ({ TILES, CQ, QL }) => grid(TILES, Math.ceil(CQ / QL)),
  },
  simd: {
    parts: (c) => [
      ...partsOf(c.CQ, 64 * c.KH * c.KW),
      ...lineParts(c),
      ...c.SUMS ? partsOf(c.TILES, 8 * c.CQ) : [],
    ],
    shared: (c) =>
      depthwiseWeightBytes(c, 1, c.KH, c.KW) + (c.SUMS ? 16 + lineParts(c)[0]! * 32 * c.CQ : 0),
    scratch: (c) => {
      const line = wholeColumns(c.WO), columns = Math.max(c.PW + c.W, (line - 1) * c.SW + c.KW);
      return depthwiseScratch(c.INT8, c.CQ, c.KH, columns, line);
    },
  },
});
