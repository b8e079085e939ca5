/**
 * The kernel `add_gradients`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, lineBytes, partsOf, read, threads, write } from "../define_kernel.ts";
import { gradient, gradientBuffers } from "../include/interface.ts";
import { addGradients as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The sum of two gradients, masked, if no other kernel makes the last contribution to a gradient. */
export const addGradients = defineKernel({
  name: "add_gradients",
  constants: {
    ...gradient,
    V: 1,
    CQ: "operand",
    QUADS: "operand",
    CHANNELS: "operand",
    DY_ROW: "row",
    DX_ROW: "row",
    RAGGED: "tile",
  },
  buffers: {
    ...gradientBuffers,
    dy: read(3, "codes"),
    dx: write(8, "stored"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ CHANNELS }) => [{ RAGGED: CHANNELS % 4 > 0 ? 1 : 0 }],
    workgroups: ({ QUADS }) => threads(QUADS),
  },
  simd: {
    parts: ({ QUADS, CQ }) => partsOf(QUADS / CQ, 4 * CQ),
    scratch: ({ CQ }) => lineBytes(4 * CQ),
  },
});
