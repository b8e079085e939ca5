/**
 * The kernel `depthwise_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, grid, read, write } from "../define_kernel.ts";
import { depthwiseForwardTile, depthwiseSumTiles } from "../include/depthwise_tiles.ts";
import { store, tables } from "../include/interface.ts";
import { depthwiseForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

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
    T: "tile",
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
    tiles: (c) => [depthwiseForwardTile(c)],
    workgroups: (c) => grid(depthwiseSumTiles(c), Math.ceil(c.CQ / c.QL)),
  },
});
