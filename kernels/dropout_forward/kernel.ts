/**
 * The kernel `dropout_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, lineBytes, partsOf, read, threads, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { dropoutForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Dropout: copies codes or zeros them; the output's quantizer contains the factor (dropout_quantizer). */
export const dropoutForward = defineKernel({
  name: "dropout_forward",
  constants: {
    ...quad,
    V: 1,
    CQ: "integer",
    QUADS: "integer",
    CHANNELS: "integer",
    PIXELS_OF_IMAGE: "integer",
    LAYER: "integer",
    TRAIN: "flag",
    FACTOR: "real",
    RATE: "real",
    X_ROW: "row",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    y: write(4, "codes"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ QUADS }) => threads(QUADS),
  },
  simd: {
    parts: ({ QUADS, CQ }) => partsOf(QUADS / CQ, 4 * CQ),
    scratch: ({ CQ }) => lineBytes(4 * CQ),
  },
});
