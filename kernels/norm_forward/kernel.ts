/**
 * The kernel `norm_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, elementwise, partsOf, read, threads, write } from "../define_kernel.ts";
import { coefficientColumns, store, tables } from "../include/interface.ts";
import { normLineBytes } from "../include/norm_tiles.ts";
import { normForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Batch norm's affine map and the activation after it. */
export const normForward = defineKernel({
  name: "norm_forward",
  constants: {
    ...store,
    CHANNELS: "operand",
    PIXELS: "operand",
    ACT: "integer",
    Y_ROW: "row",
    A_ROW: "row",
    CW: "tile operand",
    STRIDE: "tile operand",
    RAGGED: "tile",
    V: "tile",
  },
  buffers: {
    ...tables,
    y: read(3, "codes"),
    output: write(4, "stored"),
    coefficients: read(5, "f32", coefficientColumns),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => [elementwise(c, target, 2)],
    workgroups: ({ STRIDE, CW }) => threads(STRIDE * CW),
  },
  simd: {
    parts: ({ PIXELS, CHANNELS }) => partsOf(PIXELS, CHANNELS),
    scratch: ({ CHANNELS }) => normLineBytes(CHANNELS),
  },
});
