/**
 * The kernel `max_pool_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, threads, write } from "../define_kernel.ts";
import { pooling, quad, tables } from "../include/interface.ts";
import { maxPoolForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Max pooling; codes are copied. */
export const maxPoolForward = defineKernel({
  name: "max_pool_forward",
  constants: {
    ...quad,
    V: 1,
    ...pooling,
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    y: write(4, "codes"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ N, HO, WO, CQ }) => threads(N * HO * WO * CQ),
  },
  simd: {
    parts: ({ N, HO, WO, KH, KW, CQ }) => partsOf(N * HO * WO, KH * KW * CQ),
  },
});
