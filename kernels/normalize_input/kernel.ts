/**
 * The kernel `normalize_input`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, shared, threads, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { normalizeInput as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Pixels of a batch, normalized and quantized. */
export const normalizeInput = defineKernel({
  name: "normalize_input",
  constants: {
    ...quad,
    V: 1,
    CHANNELS: "integer",
    PIXELS: "integer",
    STORE: "flag",
    X_ROW: "row",
  },
  buffers: {
    ...tables,
    pixels: shared(read(3, "u32"), "pixels"),
    affine: read(4, "f32"),
    x: write(5, "stored"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ PIXELS }) => threads(PIXELS),
  },
  // Each part makes tables of 1,024 values.
  simd: { parts: ({ PIXELS }) => partsOf(PIXELS), scratch: () => 4096 },
});
