/**
 * The kernel `conv_backward_weight`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, wideOf, write } from "../define_kernel.ts";
import { ENOUGH_PARTS, signedDot } from "../include/conv_tiles.ts";
import { quad, tables } from "../include/interface.ts";
import { convBackwardWeight as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradient of a convolution's weights, chunk by chunk of pixels. */
export const convBackwardWeight = defineKernel({
  name: "conv_backward_weight",
  constants: {
    ...quad,
    V: 1,
    H: "operand",
    W: "operand",
    HO: "operand",
    WO: "operand",
    IQ: "operand",
    OQ: "operand",
    DQ: "operand",
    FIRST: "operand",
    PIXELS: "operand",
    KH: "operand",
    KW: "operand",
    SH: "operand",
    SW: "operand",
    PH: "operand",
    PW: "operand",
    CHUNKS: "operand",
    CHUNK: "operand",
    X_ROW: "row",
    XV: "tile",
    YV: "tile",
    XQ: "tile",
    YQ: "tile",
    K: "tile",
    DOT: "tile",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    dy: read(4, "codes"),
    partial: write(5, "sum"),
    x_total: write(6, "sum", { when: "INT8" }),
    dy_total: write(7, "sum"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ INT8, IQ, OQ, DQ }, target) => {
      const XQ = wideOf(IQ), YQ = Math.min(wideOf(DQ), wideOf(OQ));
      return [{
        XQ,
        XV: INT8 ? XQ : 1,
        YQ,
        YV: INT8 ? YQ : 1,
        K: INT8 ? 4 : 1,
        DOT: signedDot(target),
      }];
    },
    workgroups: (
      { CHUNKS, IQ, XQ, OQ, YQ, KH, KW },
    ) => [Math.ceil(CHUNKS * IQ / XQ / 64), OQ / YQ, KH * KW],
  },
  simd: {
    // Where chunks are few, groups of about 48 outputs, 8 tiles, as each gathers the same inputs.
    parts: ({ CHUNKS, OQ }) => [
      CHUNKS * Math.min(Math.ceil(OQ / 12), Math.max(1, Math.floor(ENOUGH_PARTS / CHUNKS))),
    ],
    // Sums and totals, dY of 256 pixels, and a panel of inputs with its padding: see simd.ts.
    scratch: ({ OQ, IQ, KH, KW }) =>
      1024 + 16 * OQ + (4 * OQ + 7) * 256 * 4 + Math.max(2 ** 18, 8 * 16 * IQ) +
      64 * (KH * KW * IQ + 2) + 2 ** 13,
  },
});
