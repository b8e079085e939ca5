/**
 * The kernel `update_ranges`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, shared, write } from "../define_kernel.ts";
import { statisticsRead, table } from "../include/interface.ts";
import { updateRanges as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Sets the next ranges of quantizers from a step's statistics. */
export const updateRanges = defineKernel({
  name: "update_ranges",
  constants: {
    FIRST: "operand",
    COUNT: "operand",
    CALIBRATE: "flag",
    STATIC: "flag",
  },
  buffers: {
    ...statisticsRead,
    rules: shared(read(3, "f32"), "rules"),
    table: table(4),
    memory: shared(write(5, "f32"), "memory"),
    found_nonfinite: shared(read(6, "u32", { when: "STATIC" }), "found_nonfinite"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ COUNT }) => [Math.ceil(COUNT / 64), 1, 1],
  },
});
