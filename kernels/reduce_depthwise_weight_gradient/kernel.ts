/**
 * The kernel `reduce_depthwise_weight_gradient`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { reduceDepthwiseWeightGradient as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Joins the chunks of depthwise_backward_weight. */
export const reduceDepthwiseWeightGradient = defineKernel({
  name: "reduce_depthwise_weight_gradient",
  constants: {
    ...quad,
    V: 1,
    CQ: "operand",
    TAPS: "operand",
    CHUNKS: "operand",
    BIAS: "flag",
    X_ROW: "row",
    DY_ROW: "row",
    NONFINITE: { nonfinite: "gradient", in: "gradient" },
    BIAS_NONFINITE: { nonfinite: "bias_gradient", in: "gradient" },
    ACCUMULATE: "epilogue",
  },
  buffers: {
    ...tables,
    partial: read(3, "sum"),
    gradient: write(4, "f32"),
    dy_total: read(5, "sum", { when: "BIAS" }),
    bias_gradient: write(6, "f32", { when: "BIAS" }),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ TAPS, CQ }) => [Math.ceil(TAPS * CQ / 64), 1, 1],
  },
  simd: { parts: ({ TAPS, CQ, CHUNKS }) => partsOf(TAPS * CQ, 4 * CHUNKS) },
});
