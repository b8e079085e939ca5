/**
 * The kernel `depthwise_backward_input`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, grid, partsOf, read, write } from "../define_kernel.ts";
import {
  depthwiseBackwardTile,
  depthwiseScratch,
  depthwiseWeightBytes,
  wholeColumns,
} from "../include/depthwise_tiles.ts";
import { gradient, gradientBuffers } from "../include/interface.ts";
import { depthwiseBackwardInput as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradient of a depthwise convolution's input. */
export const depthwiseBackwardInput = defineKernel({
  name: "depthwise_backward_input",
  constants: {
    ...gradient,
    V: 1,
    N: "operand",
    H: "operand",
    W: "operand",
    HO: "operand",
    WO: "operand",
    CQ: "operand",
    CHANNELS: "operand",
    KH: "operand",
    SH: "operand",
    PH: "operand",
    PW: "operand",
    KW: "integer",
    SW: "integer",
    DY_ROW: "row",
    DX_ROW: "row",
    RUNS: "tile operand",
    QG: "tile operand",
    QL: "tile",
    T: "tile operand",
    THREADS: "tile",
    R: "tile",
    AX: "tile",
    SPAN: "tile",
  },
  buffers: {
    ...gradientBuffers,
    dy: read(3, "codes"),
    weight: read(4, "codes"),
    scales: read(5, "f32", { when: "INT8" }),
    dx: write(8, "stored"),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => [depthwiseBackwardTile(c, target)],
    workgroups: ({ N, H, SH, SW, RUNS, QL, QG, T, THREADS }) =>
      grid(Math.ceil(N * Math.ceil(H / SH) * RUNS / (THREADS / QL * T)), SH * SW * QG),
  },
  simd: {
    parts: ({ N, H, W, CQ, KH, KW }) => [
      ...partsOf(CQ, 64 * KH * KW),
      ...partsOf(N * H, W * 4 * CQ),
    ],
    shared: (c) =>
      depthwiseWeightBytes(c, c.SH * c.SW, Math.ceil(c.KH / c.SH), Math.ceil(c.KW / c.SW)),
    scratch: ({ INT8, W, WO, CQ, KH, KW, SH, SW, PW }) => {
      const line = wholeColumns(Math.ceil(W / SW)), before = Math.ceil(KW / SW) - 1;
      const columns = before + Math.max(WO, Math.floor((SW - 1 + PW) / SW) + line);
      return depthwiseScratch(INT8, CQ, Math.ceil(KH / SH), columns, line * SW);
    },
  },
});
