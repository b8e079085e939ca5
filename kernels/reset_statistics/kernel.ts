/**
 * The kernel `reset_statistics`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, shared, write } from "../define_kernel.ts";
import { resetStatistics as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Clears the minimum and maximum of a quantizer's statistics. */
export const resetStatistics = defineKernel({
  name: "reset_statistics",
  constants: {
    ROW: "row",
  },
  buffers: {
    statistics: shared(write(1, "u32"), "statistics"),
  },
  reference,
  gpu: {
    source,
    workgroups: () => [1, 1, 1],
  },
});
