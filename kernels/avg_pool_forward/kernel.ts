/**
 * The kernel `avg_pool_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, lineBytes, partsOf, read, threads, write } from "../define_kernel.ts";
import { pooling, store, tables } from "../include/interface.ts";
import { avgPoolForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Average pooling. */
export const avgPoolForward = defineKernel({
  name: "avg_pool_forward",
  constants: {
    ...store,
    V: 1,
    ...pooling,
    X_ROW: "row",
    Y_ROW: "row",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    y: write(4, "stored"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ N, HO, WO, CQ }) => threads(N * HO * WO * CQ),
  },
  simd: {
    parts: ({ N, HO, WO, KH, KW, CQ }) => partsOf(N * HO * WO, KH * KW * CQ),
    scratch: ({ CQ }) => lineBytes(4 * CQ) + 48,
  },
});
