/**
 * The kernel `avg_pool_backward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, lineBytes, partsOf, read, threads, write } from "../define_kernel.ts";
import { gradient, gradientBuffers, pooling } from "../include/interface.ts";
import { avgPoolBackward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradient of average pooling. */
export const avgPoolBackward = defineKernel({
  name: "avg_pool_backward",
  constants: {
    ...gradient,
    V: 1,
    ...pooling,
    DY_ROW: "row",
    DX_ROW: "row",
    R: "tile",
  },
  buffers: {
    ...gradientBuffers,
    dy: read(3, "codes"),
    dx: write(8, "stored"),
  },
  reference,
  gpu: {
    source,
    tiles: () => [{ R: 4 }],
    workgroups: ({ N, H, W, CQ, R }) => threads(Math.ceil(N * H * W * CQ / R)),
  },
  simd: {
    parts: ({ N, H, W, CQ }) => partsOf(N * H * W, 4 * CQ),
    scratch: ({ CQ }) => lineBytes(4 * CQ) + 48,
  },
});
