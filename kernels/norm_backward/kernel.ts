/**
 * The kernel `norm_backward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, elementwise, partsOf, read, threads, write } from "../define_kernel.ts";
import { coefficientColumns, gradient, gradientBuffers } from "../include/interface.ts";
import { intervalParts, intervalsBytes, normLineBytes } from "../include/norm_tiles.ts";
import { normBackward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradient of batch norm's input. */
export const normBackward = defineKernel({
  name: "norm_backward",
  constants: {
    ...gradient,
    CHANNELS: "operand",
    PIXELS: "operand",
    ACT: "integer",
    FROZEN: "flag",
    DA_ROW: "row",
    Y_ROW: "row",
    DY_ROW: "row",
    CW: "tile operand",
    STRIDE: "tile operand",
    RAGGED: "tile",
    V: "tile",
  },
  buffers: {
    ...gradientBuffers,
    da: read(3, "codes"),
    y: read(4, "codes"),
    coefficients: read(5, "f32", coefficientColumns),
    output: write(8, "stored"),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => [elementwise(c, target, 1)],
    workgroups: ({ STRIDE, CW }) => threads(STRIDE * CW),
  },
  simd: {
    parts: ({ INT8, PIXELS, CHANNELS }) => [
      ...INT8 ? intervalParts(CHANNELS) : [],
      ...partsOf(PIXELS, CHANNELS),
    ],
    shared: ({ INT8, CHANNELS }) => INT8 ? intervalsBytes(CHANNELS) : 0,
    scratch: ({ CHANNELS }) => normLineBytes(CHANNELS),
  },
});
