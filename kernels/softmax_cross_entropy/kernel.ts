/**
 * The kernel `softmax_cross_entropy`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, grid, read, shared, write } from "../define_kernel.ts";
import { store, tables } from "../include/interface.ts";
import { softmaxCrossEntropy as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Quads of classes in workgroup memory: BLOCK of shader.wgsl. */
const BLOCK = 256;

/** Softmax cross-entropy: loss, correct answers, and the gradient of the logits. */
export const softmaxCrossEntropy = defineKernel({
  name: "softmax_cross_entropy",
  constants: {
    ...store,
    V: 1,
    N: "integer",
    CQ: "integer",
    CLASSES: "integer",
    MICROS: "integer",
    MIXED: "flag",
    TARGETS: "flag",
    WEIGHTED: "flag",
    D_ROW: "row",
    LANES: "tile",
    BLOCKS: "tile",
  },
  buffers: {
    ...tables,
    logits: read(3, "f32"),
    labels: shared(read(4, "u32"), "labels"),
    dlogits: write(5, "stored"),
    losses: shared(write(6, "f32"), "losses"),
    metrics: shared(write(7, "f32"), "metrics"),
    mixes: shared(read(8, "u32", { when: "MIXED" }), "mixes"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ CQ }, { software }) => [
      software ? { LANES: 1, BLOCKS: 0 } : { LANES: 64, BLOCKS: Math.ceil(CQ / BLOCK) },
    ],
    workgroups: ({ N, LANES }) => grid(LANES > 1 ? N : Math.ceil(N / 64)),
    join: () => [1, 1, 1],
  },
});
