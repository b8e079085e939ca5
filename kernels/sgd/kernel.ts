/**
 * The kernel `sgd`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, shared, threads } from "../define_kernel.ts";
import { optimizer, optimizerBuffers } from "../include/interface.ts";
import { sgd as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** SGD with momentum (optionally Nesterov's) and weight decay. */
export const sgd = defineKernel({
  name: "sgd",
  constants: {
    ...optimizer,
    NESTEROV: "flag",
    MOMENTUM: "real",
  },
  buffers: {
    ...optimizerBuffers,
    clip: shared(read(6, "f32", { when: "CLIP" }), "clip"),
  },
  reference,
  gpu: {
    source,
    tiles: () => [{ R: 4 }],
    workgroups: ({ SIZE, R }) => threads(Math.ceil(SIZE / R)),
  },
  simd: { parts: ({ SIZE }) => partsOf(SIZE, 4) },
});
