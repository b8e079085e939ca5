/**
 * The kernel `reduce_weight_gradient`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, threads, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { reduceWeightGradient as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Joins the chunks of conv_backward_weight. */
export const reduceWeightGradient = defineKernel({
  name: "reduce_weight_gradient",
  constants: {
    ...quad,
    V: 1,
    IQ: "operand",
    OQ: "operand",
    FIRST: "operand",
    PIXELS: "operand",
    TAPS: "operand",
    CHUNKS: "operand",
    CHUNK: "operand",
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
    x_total: read(4, "sum", { when: "INT8" }),
    dy_total: read(5, "sum"),
    gradient: write(6, "f32"),
    bias_gradient: write(7, "f32", { when: "BIAS" }),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ OQ, TAPS, IQ }) => threads(OQ * TAPS * IQ),
  },
  simd: {
    parts: ({ OQ, TAPS, IQ, CHUNKS }) => partsOf(4 * OQ, TAPS * 4 * IQ * CHUNKS),
    scratch: ({ TAPS, IQ }) => 16 * TAPS * IQ,
  },
});
