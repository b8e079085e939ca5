/**
 * The kernel `channel_sums`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { sumParts, sumTile } from "../include/norm_tiles.ts";
import { channelSums as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Batch norm's sums over a tensor, where its producer does not make them. */
export const channelSums = defineKernel({
  name: "channel_sums",
  constants: {
    ...quad,
    CQ: "operand",
    PIXELS: "operand",
    CHUNKS: "operand",
    CHUNK: "operand",
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
    y: read(3, "codes"),
    sums: write(4, "sum"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ INT8, CQ }, { software }) => [sumTile(INT8, CQ, software)],
    workgroups: ({ CHUNKS, CW, COLUMNS }) => [Math.ceil(CHUNKS * CW / COLUMNS), 1, 1],
  },
  simd: { parts: ({ INT8, CHUNKS, CHUNK, CQ }) => sumParts(INT8, CHUNKS, CHUNK, CQ) },
});
