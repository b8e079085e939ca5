/**
 * The kernel `dropout_quantizer`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel } from "../define_kernel.ts";
import { table } from "../include/interface.ts";
import { dropoutQuantizer as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The quantizer of dropout's output, from that of its input. */
export const dropoutQuantizer = defineKernel({
  name: "dropout_quantizer",
  constants: {
    FACTOR: "real",
    X_ROW: "row",
    Y_ROW: "row",
  },
  buffers: {
    table: table(3),
  },
  reference,
  gpu: {
    source,
    workgroups: () => [1, 1, 1],
  },
});
