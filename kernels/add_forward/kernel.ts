/**
 * The kernel `add_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import {
  defineKernel,
  elementwise,
  lineBytes,
  partsOf,
  read,
  threads,
  write,
} from "../define_kernel.ts";
import { store, tables } from "../include/interface.ts";
import { addForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The residual addition, with the activation after it. */
export const addForward = defineKernel({
  name: "add_forward",
  constants: {
    ...store,
    CHANNELS: "operand",
    PIXELS: "operand",
    ACT: "integer",
    A_ROW: "row",
    B_ROW: "row",
    Y_ROW: "row",
    CW: "tile operand",
    STRIDE: "tile operand",
    RAGGED: "tile",
    V: "tile",
  },
  buffers: {
    ...tables,
    a: read(3, "codes"),
    b: read(4, "codes"),
    output: write(5, "stored"),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => [elementwise(c, target, 2)],
    workgroups: ({ STRIDE, CW }) => threads(STRIDE * CW),
  },
  simd: {
    parts: ({ PIXELS, CHANNELS }) => partsOf(PIXELS, CHANNELS),
    scratch: ({ CHANNELS }) => lineBytes(CHANNELS),
  },
});
