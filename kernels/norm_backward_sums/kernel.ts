/**
 * The kernel `norm_backward_sums`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, write } from "../define_kernel.ts";
import { coefficientColumns, quad, tables } from "../include/interface.ts";
import { intervalParts, intervalsBytes, sumParts, sumTile } from "../include/norm_tiles.ts";
import { normBackwardSums as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The two sums of batch norm's backward pass, chunk by chunk of pixels. */
export const normBackwardSums = defineKernel({
  name: "norm_backward_sums",
  constants: {
    ...quad,
    CQ: "operand",
    PIXELS: "operand",
    CHUNKS: "operand",
    CHUNK: "operand",
    ACT: "integer",
    DA_ROW: "row",
    Y_ROW: "row",
    CW: "tile operand",
    V: "tile",
    COLUMNS: "tile",
    LANES: "tile",
    THREADS: "tile",
    JOINED: "tile",
  },
  buffers: {
    ...tables,
    da: read(3, "codes"),
    y: read(4, "codes"),
    coefficients: read(5, "f32", coefficientColumns),
    sums: write(6, "sum"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ INT8, CQ }, { software }) => [sumTile(INT8, CQ, software)],
    workgroups: ({ CHUNKS, CW, COLUMNS }) => [Math.ceil(CHUNKS * CW / COLUMNS), 1, 1],
  },
  simd: {
    parts: (
      { INT8, CHUNKS, CHUNK, CQ },
    ) => [...INT8 ? intervalParts(4 * CQ) : [], ...sumParts(INT8, CHUNKS, CHUNK, CQ)],
    shared: ({ INT8, CQ }) => INT8 ? intervalsBytes(4 * CQ) : 0,
  },
});
