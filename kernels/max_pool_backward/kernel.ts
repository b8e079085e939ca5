/**
 * The kernel `max_pool_backward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, lineBytes, partsOf, read, threads, write } from "../define_kernel.ts";
import { gradient, gradientBuffers, pooling } from "../include/interface.ts";
import { maxPoolBackward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradient of max pooling; it goes to the first maximum of a window in row order. */
export const maxPoolBackward = defineKernel({
  name: "max_pool_backward",
  constants: {
    ...gradient,
    V: 1,
    ...pooling,
    DY_ROW: "row",
    DX_ROW: "row",
  },
  buffers: {
    ...gradientBuffers,
    x: read(3, "codes"),
    dy: read(4, "codes"),
    dx: write(8, "stored"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ N, H, W, CQ }) => threads(N * H * W * CQ),
  },
  simd: {
    parts: ({ N, HO, SH, W, CQ }) => partsOf(N * HO, SH * W * 4 * CQ),
    scratch: ({ INT8, H, W, HO, KH, KW, SH, SW, PH, CQ }) => {
      const values = Math.max(SH, H - (HO - 1) * SH + PH) * W * 4 * CQ;
      return INT8 && KH <= SH && KW <= SW ? values + 64 + lineBytes(4 * CQ) : 4 * values + 48;
    },
  },
});
