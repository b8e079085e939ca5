/**
 * The kernel `update_ema`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, shared, threads, write } from "../define_kernel.ts";
import { updateEma as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The exponential moving average of a parameter. */
export const updateEma = defineKernel({
  name: "update_ema",
  constants: {
    SIZE: "operand",
    KEPT: "real",
    TAKEN: "real",
  },
  buffers: {
    weight: read(3, "f32"),
    average: write(4, "f32"),
    found_nonfinite: shared(read(5, "u32"), "found_nonfinite"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ SIZE }) => threads(SIZE),
  },
  simd: { parts: ({ SIZE }) => partsOf(SIZE, 4) },
});
