/**
 * The kernel `pack_weights`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, grid, partsOf, read, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { packWeights as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Codes of the master weights in the orders that both convolutions read. */
export const packWeights = defineKernel({
  name: "pack_weights",
  constants: {
    ...quad,
    V: 1,
    IQ: "operand",
    OQ: "operand",
    FIRST: "operand",
    TAPS: "operand",
    ALL: "operand",
    QUANTIZED: "flag",
    BACKWARD: "flag",
    PER_CHANNEL: "flag",
    W_ROW: "row",
  },
  buffers: {
    ...tables,
    weight: read(3, "f32"),
    forward: write(4, "codes", { when: "QUANTIZED" }),
    backward: write(5, "codes", { when: "BACKWARD" }),
    channels: read(6, "f32", { when: "PER_CHANNEL" }),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ OQ, TAPS, IQ }) => grid(Math.ceil(OQ * 16 * TAPS * IQ / 256)),
  },
  simd: { parts: ({ OQ, IQ, TAPS }) => partsOf(OQ, 16 * IQ * TAPS) },
});
