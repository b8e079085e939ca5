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
    LANES: "tile",
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
    tiles: ({ IQ }) => [{ LANES: [8, 4, 2].find((lanes) => lanes <= IQ) ?? 1 }],
    workgroups: ({ OQ, TAPS, IQ, LANES }) =>
      grid(TAPS * Math.ceil(IQ / LANES) * Math.ceil(OQ * LANES / 64)),
  },
  simd: { parts: ({ OQ, IQ, TAPS }) => partsOf(OQ, 16 * IQ * TAPS) },
});
