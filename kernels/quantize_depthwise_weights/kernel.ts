/**
 * The kernel `quantize_depthwise_weights`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { quantizeDepthwiseWeights as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Codes of a depthwise convolution's master weights. */
export const quantizeDepthwiseWeights = defineKernel({
  name: "quantize_depthwise_weights",
  constants: {
    ...quad,
    V: 1,
    CQ: "operand",
    TAPS: "operand",
    PER_CHANNEL: "flag",
    W_ROW: "row",
  },
  buffers: {
    ...tables,
    weight: read(3, "f32"),
    forward: write(4, "codes"),
    scales: write(5, "f32", { when: "INT8" }),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ CQ }) => [Math.ceil(CQ / 64), 1, 1],
  },
  simd: { parts: ({ CQ, TAPS }) => partsOf(CQ, 4 * TAPS) },
});
