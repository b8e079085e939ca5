/**
 * The kernel `quantization_error`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, shared, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { quantizationError as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Sums that compare real values with their quantized values. */
export const quantizationError = defineKernel({
  name: "quantization_error",
  constants: {
    ...quad,
    V: 1,
    CQ: "operand",
    QUADS: "operand",
    CHANNELS: "operand",
    R: "integer",
    SEARCH: "flag",
    ROW: "row",
    RAGGED: "tile",
  },
  buffers: {
    ...tables,
    real_values: shared(read(3, "f32"), "f32_scratch"),
    q: read(4, "codes", { unless: "SEARCH" }),
    errors: shared(write(5, "f32"), "errors"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ CHANNELS }) => [{ RAGGED: CHANNELS % 4 > 0 ? 1 : 0 }],
    workgroups: ({ QUADS, R }) => [Math.ceil(QUADS / (64 * R)), 1, 1],
  },
  simd: { parts: ({ QUADS, R }) => partsOf(Math.ceil(QUADS / (128 * R)), 512 * R) },
});
