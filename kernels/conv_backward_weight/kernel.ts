/**
 * The kernel `conv_backward_weight`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, threads, wideOf, write } from "../define_kernel.ts";
import { ENOUGH_PARTS } from "../include/conv_tiles.ts";
import { quad, tables } from "../include/interface.ts";
import { convBackwardWeight as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradient of a convolution's weights and of its bias. */
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
    CHUNK: "operand",
    ROOM: "operand",
    BIAS: "flag",
    X_ROW: "row",
    DY_ROW: "row",
    NONFINITE: { nonfinite: "gradient", in: "gradient" },
    BIAS_NONFINITE: { nonfinite: "bias_gradient", in: "gradient" },
    ACCUMULATE: "epilogue",
    DOT: "tile",
    XV: "tile",
    YV: "tile",
    XQ: "tile",
    YQ: "tile",
    K: "tile",
    SLICES: "tile operand",
    SLICE: "tile operand",
  },
  buffers: {
    ...tables,
    x: read(3, "codes"),
    dy: read(4, "codes"),
    partial: write(5, "sum", { scratch: true }),
    gradient: write(6, "f32"),
    bias_gradient: write(7, "f32", { when: "BIAS" }),
  },
  reference,
  gpu: {
    source,
    tiles: ({ INT8, IQ, OQ, DQ, PIXELS, CHUNK }, { dots }) => {
      const XQ = wideOf(IQ), YQ = Math.min(wideOf(DQ), wideOf(OQ));
      const [XV, YV, K] = INT8 ? [XQ, YQ, 4] : [1, 1, 1];
      const SLICES = Math.ceil(PIXELS / CHUNK);
      return [{ XQ, XV, YQ, YV, K, SLICES, SLICE: CHUNK, DOT: dots[0] }];
    },
    workgroups: (
      { SLICES, IQ, XQ, OQ, YQ, KH, KW },
    ) => [Math.ceil(SLICES * IQ / XQ / 64), OQ / YQ, KH * KW],
    join: ({ OQ, KH, KW, IQ }) => threads(OQ * KH * KW * IQ),
  },
  simd: {
    // Where chunks are few, groups of about 48 outputs, 8 tiles, as each gathers the same inputs.
    parts: ({ PIXELS, CHUNK, OQ, KH, KW, IQ }) => {
      const chunks = Math.ceil(PIXELS / CHUNK);
      const groups = Math.min(Math.ceil(OQ / 12), Math.max(1, Math.floor(ENOUGH_PARTS / chunks)));
      return [chunks * groups, ...partsOf(4 * OQ, KH * KW * 4 * IQ * chunks)];
    },
    // Sums and totals, dY of 256 pixels, and a panel of inputs with its padding, or a row of dW: see simd.ts.
    scratch: ({ OQ, IQ, KH, KW }) =>
      1024 + 16 * OQ + (4 * OQ + 7) * 256 * 4 + Math.max(2 ** 18, 8 * 16 * IQ) +
      64 * (KH * KW * IQ + 2) + 2 ** 13,
  },
});
