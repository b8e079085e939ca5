/**
 * The kernel `adamw`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, shared, threads, write } from "../define_kernel.ts";
import { optimizer, optimizerBuffers } from "../include/interface.ts";
import { adamw as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** AdamW: decoupled weight decay, averages of the gradient and of its square. */
export const adamw = defineKernel({
  name: "adamw",
  constants: {
    ...optimizer,
    BETA_1: "real",
    REST_1: "real",
    BETA_2: "real",
    REST_2: "real",
    EPSILON: "real",
  },
  buffers: {
    ...optimizerBuffers,
    second: write(6, "f32"),
    clip: shared(read(7, "f32", { when: "CLIP" }), "clip"),
  },
  reference,
  gpu: {
    source,
    tiles: () => [{ R: 4 }],
    workgroups: ({ SIZE, R }) => threads(Math.ceil(SIZE / R)),
  },
  simd: { parts: ({ SIZE }) => partsOf(SIZE, 4) },
});
