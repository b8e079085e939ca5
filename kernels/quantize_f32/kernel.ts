/**
 * The kernel `quantize_f32`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, shared, threads, write } from "../define_kernel.ts";
import { store, tables } from "../include/interface.ts";
import { quantizeF32 as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The second pass of two-pass quantization: f32 values in memory to codes. */
export const quantizeF32 = defineKernel({
  name: "quantize_f32",
  constants: {
    ...store,
    V: 1,
    CQ: "operand",
    QUADS: "operand",
    CHANNELS: "operand",
    ROW: "row",
    R: "tile",
    RAGGED: "tile",
  },
  buffers: {
    ...tables,
    real_values: shared(read(3, "f32"), "f32_scratch"),
    q: write(4, "codes"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ CHANNELS }) => [{ R: 4, RAGGED: CHANNELS % 4 > 0 ? 1 : 0 }],
    workgroups: ({ QUADS, R }) => threads(Math.ceil(QUADS / R)),
  },
  simd: { parts: ({ QUADS, CQ }) => partsOf(QUADS / CQ, 4 * CQ) },
});
