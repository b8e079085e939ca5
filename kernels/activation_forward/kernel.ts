/**
 * The kernel `activation_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, lineBytes, partsOf, read, threads, write } from "../define_kernel.ts";
import { store, tables } from "../include/interface.ts";
import { activationForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** A ReLU or ReLU6 that is not fused with the layer before it. */
export const activationForward = defineKernel({
  name: "activation_forward",
  constants: {
    ...store,
    V: 1,
    CQ: "operand",
    QUADS: "operand",
    CHANNELS: "operand",
    ACT: "integer",
    X_ROW: "row",
    Y_ROW: "row",
    RAGGED: "tile",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    y: write(4, "stored"),
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
