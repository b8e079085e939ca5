/**
 * The kernel `conv_backward_input`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, write } from "../define_kernel.ts";
import { convParts, convScratch, convTiles, convWorkgroups } from "../include/conv_tiles.ts";
import { gradient, gradientBuffers } from "../include/interface.ts";
import { convBackwardInput as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Pixels of a phase: those of the input that see the same taps. */
function phasePixels(c: Readonly<Record<"N" | "H" | "W" | "SH" | "SW", number>>): number {
  return c.N * Math.ceil(c.H / c.SH) * Math.ceil(c.W / c.SW);
}

/** The gradient of a convolution's input. */
export const convBackwardInput = defineKernel({
  name: "conv_backward_input",
  constants: {
    ...gradient,
    N: "operand",
    H: "operand",
    W: "operand",
    HO: "operand",
    WO: "operand",
    IQ: "operand",
    OQ: "operand",
    GQ: "operand",
    QUADS: "operand",
    FIRST: "operand",
    CHANNELS: "operand",
    KH: "operand",
    KW: "operand",
    SH: "operand",
    SW: "operand",
    PH: "operand",
    PW: "operand",
    BEFORE: "flag",
    DY_ROW: "row",
    DX_ROW: "row",
    W_ROW: "row",
    Q: "tile",
    P: "tile",
    K: "tile",
    V: "tile",
    DOT: "tile",
  },
  buffers: {
    ...gradientBuffers,
    dy: read(3, "codes"),
    weight: read(4, "codes"),
    row_sum: read(5, "i32", { when: "INT8" }),
    before: read(5, "f32", { when: "BEFORE" }),
    dx: write(8, "stored"),
  },
  reference,
  gpu: {
    source,
    tiles: (c, target) => convTiles(c, phasePixels(c), c.IQ, c.OQ, target, c.SH * c.SW),
    workgroups: (c) => convWorkgroups(phasePixels(c), c.IQ, c, c.SH * c.SW),
    sameSpeed: ["BEFORE", "ADDEND", "MASK", "CHANNELS", "FIRST"],
  },
  simd: {
    parts: (c) => [Math.ceil(c.IQ / 2), convParts(c.N * c.H * c.W, 1)],
    shared: (c) => Math.ceil(c.IQ / 2) * c.KH * c.KW * 4 * c.QUADS * (c.INT8 ? 16 : 32),
    scratch: (c) => convScratch(c, c.KH * c.KW * 4 * c.QUADS, Math.ceil(c.IQ / 2)),
  },
});
