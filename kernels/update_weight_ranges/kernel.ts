/**
 * The kernel `update_weight_ranges`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, shared } from "../define_kernel.ts";
import { statisticsRead, table } from "../include/interface.ts";
import { updateWeightRanges as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Sets the ranges of all weight tensors, from the minimum and maximum that updates recorded. */
export const updateWeightRanges = defineKernel({
  name: "update_weight_ranges",
  constants: {
    COUNT: "integer",
  },
  buffers: {
    ...statisticsRead,
    table: table(3),
    found_nonfinite: shared(read(4, "u32"), "found_nonfinite"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ COUNT }) => [Math.ceil(COUNT / 64), 1, 1],
  },
});
