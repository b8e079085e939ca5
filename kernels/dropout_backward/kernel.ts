/**
 * The kernel `dropout_backward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, lineBytes, partsOf, read, threads, write } from "../define_kernel.ts";
import { gradient, gradientBuffers } from "../include/interface.ts";
import { dropoutBackward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradient of dropout; draws the mask of the forward pass again. */
export const dropoutBackward = defineKernel({
  name: "dropout_backward",
  constants: {
    ...gradient,
    V: 1,
    CQ: "integer",
    QUADS: "integer",
    CHANNELS: "integer",
    PIXELS_OF_IMAGE: "integer",
    LAYER: "integer",
    FACTOR: "real",
    RATE: "real",
    DY_ROW: "row",
    DX_ROW: "row",
  },
  buffers: {
    ...gradientBuffers,
    dy: read(3, "codes"),
    dx: write(8, "stored"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ QUADS }) => threads(QUADS),
  },
  simd: {
    parts: ({ QUADS, CQ }) => partsOf(QUADS / CQ, 4 * CQ),
    scratch: ({ CQ }) => lineBytes(4 * CQ),
  },
});
