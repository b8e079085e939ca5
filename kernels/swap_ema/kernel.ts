/**
 * The kernel `swap_ema`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, threads, write } from "../define_kernel.ts";
import { store, tables } from "../include/interface.ts";
import { swapEma as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Swaps a parameter with its moving average, before an evaluation and after it. */
export const swapEma = defineKernel({
  name: "swap_ema",
  constants: {
    ...store,
    V: 1,
    SIZE: "operand",
    W_ROW: "row",
  },
  buffers: {
    ...tables,
    weight: write(3, "f32"),
    average: write(4, "f32"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ SIZE }) => threads(SIZE),
  },
  simd: { parts: ({ SIZE }) => partsOf(SIZE, 4) },
});
