/**
 * The kernel `conv_forward`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, write } from "../define_kernel.ts";
import { convParts, convScratch, convTiles, convWorkgroups } from "../include/conv_tiles.ts";
import { store, tables } from "../include/interface.ts";
import { convForward as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Convolution, with bias, quantization and batch norm's sums in its epilogue. */
export const convForward = defineKernel({
  name: "conv_forward",
  constants: {
    ...store,
    H: "operand",
    W: "operand",
    HO: "operand",
    WO: "operand",
    IQ: "operand",
    OQ: "operand",
    FIRST: "operand",
    CHANNELS: "operand",
    PIXELS: "operand",
    KH: "operand",
    KW: "operand",
    SH: "operand",
    SW: "operand",
    PH: "operand",
    PW: "operand",
    TILES: "operand",
    QUADS: "operand",
    BIAS: "flag",
    LOGITS: "flag",
    SUMS: "flag",
    X_ROW: "row",
    Y_ROW: "row",
    W_ROW: "row",
    Q: "tile",
    P: "tile",
    K: "tile",
    V: "tile",
    DOT: "tile",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    weight: read(4, "codes"),
    row_sum: read(5, "i32", { when: "INT8" }),
    bias: read(6, "f32", { when: "BIAS" }),
    y: write(7, "stored"),
    sums: write(8, "i32", { when: "SUMS", byTile: true }),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => convTiles(c, c.PIXELS, c.QUADS, c.IQ, target),
    workgroups: (c) => convWorkgroups(c.PIXELS, c.QUADS, c),
    sameSpeed: ["BIAS", "CHANNELS", "FIRST", "LOGITS", "SUMS", "TILES"],
  },
  simd: {
    parts: ({ PIXELS, QUADS }) => {
      const blocks = Math.ceil(QUADS / 2);
      return [blocks, convParts(PIXELS, blocks)];
    },
    shared: (c) => Math.ceil(c.QUADS / 2) * c.KH * c.KW * 4 * c.IQ * (c.INT8 ? 16 : 32),
    scratch: (c) => convScratch(c, c.KH * c.KW * 4 * c.IQ, Math.ceil(c.QUADS / 2), 32 * c.OQ),
  },
});
