/**
 * The kernel `norm_coefficients`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, shared, write } from "../define_kernel.ts";
import { coefficientTile } from "../include/norm_tiles.ts";
import { coefficientColumns, quad, tables } from "../include/interface.ts";
import { normCoefficients as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Batch norm's mean, variance and affine map from the sums of a batch; running statistics. */
export const normCoefficients = defineKernel({
  name: "norm_coefficients",
  constants: {
    ...quad,
    V: 1,
    CHANNELS: "operand",
    PIXELS: "operand",
    TILES: "operand",
    CHUNK: "operand",
    EPSILON: "real",
    MOMENTUM: "real",
    KEPT: "real",
    Y_ROW: "row",
    NONFINITE: { nonfinite: "affine", in: "statistics" },
    LANES: "tile",
    COLUMNS: "tile",
    THREADS: "tile",
  },
  buffers: {
    ...tables,
    sums: read(3, "sum"),
    affine: read(4, "f32"),
    running: write(5, "f32"),
    coefficients: write(6, "f32", coefficientColumns),
    total: write(7, "i32", { when: "INT8" }),
    found_nonfinite: shared(read(8, "u32"), "found_nonfinite"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ TILES }, { software }) => [coefficientTile(TILES, software)],
    workgroups: ({ CHANNELS, COLUMNS }) => [Math.ceil(CHANNELS / COLUMNS), 1, 1],
  },
  simd: {
    parts: ({ CHANNELS, TILES }) => partsOf(CHANNELS / 4, 8 * (TILES + 16)),
    scratch: () => 96,
  },
});
