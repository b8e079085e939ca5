/**
 * The kernel `check_finite`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, shared, write } from "../define_kernel.ts";
import { statisticsRead } from "../include/interface.ts";
import { checkFinite as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The non-finite guard: sets a flag if a value of the step is not finite. */
export const checkFinite = defineKernel({
  name: "check_finite",
  constants: {
    ROWS: "operand",
    COUNTS: "operand",
  },
  buffers: {
    ...statisticsRead,
    metrics: shared(read(3, "f32"), "metrics"),
    found_nonfinite: shared(write(4, "u32"), "found_nonfinite"),
  },
  reference,
  gpu: {
    source,
    workgroups: () => [1, 1, 1],
  },
});
