/**
 * The kernel `sgd`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, shared, threads, write } from "../define_kernel.ts";
import { store, tables } from "../include/interface.ts";
import { sgd as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** SGD with momentum (optionally Nesterov's) and weight decay. */
export const sgd = defineKernel({
  name: "sgd",
  constants: {
    ...store,
    V: 1,
    SIZE: "operand",
    CLIP: "flag",
    SCALED: "flag",
    NESTEROV: "flag",
    WEIGHT_DECAY: "real",
    MOMENTUM: "real",
    RATE_ROW: "row",
    W_ROW: "row",
    NONFINITE: { nonfinite: "weight", in: "update" },
    R: "tile",
  },
  buffers: {
    ...tables,
    gradient: read(3, "f32"),
    weight: write(4, "f32"),
    velocity: write(5, "f32"),
    clip: shared(read(6, "f32", { when: "CLIP" }), "clip"),
    found_nonfinite: shared(read(8, "u32"), "found_nonfinite"),
  },
  reference,
  gpu: {
    source,
    tiles: () => [{ R: 4 }],
    workgroups: ({ SIZE, R }) => threads(Math.ceil(SIZE / R)),
  },
});
