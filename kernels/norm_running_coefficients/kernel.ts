/**
 * The kernel `norm_running_coefficients`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, write } from "../define_kernel.ts";
import { coefficientColumns } from "../include/interface.ts";
import { normRunningCoefficients as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Batch norm's coefficients from its running statistics. */
export const normRunningCoefficients = defineKernel({
  name: "norm_running_coefficients",
  constants: {
    CHANNELS: "operand",
    EPSILON: "real",
  },
  buffers: {
    affine: read(4, "f32"),
    running: read(5, "f32"),
    coefficients: write(6, "f32", coefficientColumns),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ CHANNELS }) => [Math.ceil(CHANNELS / 64), 1, 1],
  },
  simd: { parts: ({ CHANNELS }) => partsOf(CHANNELS / 4, 4) },
});
