/**
 * The kernel `gradient_norm_partials`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, grid, partsOf, read, shared, write } from "../define_kernel.ts";
import { gradientNormPartials as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Sums of squares of one parameter's gradient, tile by tile. */
export const gradientNormPartials = defineKernel({
  name: "gradient_norm_partials",
  constants: {
    FIRST: "operand",
    SIZE: "operand",
    TILES: "operand",
    R: "integer",
  },
  buffers: {
    gradient: read(3, "f32"),
    square_tiles: shared(write(4, "f32"), "square_tiles"),
  },
  reference,
  gpu: {
    source,
    workgroups: ({ TILES }) => grid(TILES),
  },
  simd: { parts: ({ TILES, R }) => partsOf(TILES, 256 * R) },
});
