/**
 * The kernel `norm_backward_coefficients`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, write } from "../define_kernel.ts";
import { coefficientTile } from "../include/norm_tiles.ts";
import { coefficientColumns, quad, tables } from "../include/interface.ts";
import { normBackwardCoefficients as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The gradients of gamma and beta, and the coefficients of norm_backward. */
export const normBackwardCoefficients = defineKernel({
  name: "norm_backward_coefficients",
  constants: {
    ...quad,
    V: 1,
    CHANNELS: "operand",
    PIXELS: "operand",
    CHUNKS: "operand",
    DA_ROW: "row",
    Y_ROW: "row",
    NONFINITE: { nonfinite: "gradient", in: "gradient" },
    ACCUMULATE: "epilogue",
    LANES: "tile",
    COLUMNS: "tile",
    THREADS: "tile",
  },
  buffers: {
    ...tables,
    sums: read(3, "sum"),
    total: read(4, "i32", { when: "INT8" }),
    coefficients: write(5, "f32", coefficientColumns),
    gradient: write(6, "f32"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ CHUNKS }, { software }) => [coefficientTile(CHUNKS, software)],
    workgroups: ({ CHANNELS, COLUMNS }) => [Math.ceil(CHANNELS / COLUMNS), 1, 1],
  },
  simd: {
    parts: ({ CHANNELS, CHUNKS }) => partsOf(CHANNELS / 4, 8 * (CHUNKS + 16)),
    scratch: () => 96,
  },
});
