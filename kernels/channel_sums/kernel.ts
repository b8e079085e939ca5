/**
 * The kernel `channel_sums`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, wideOf, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { sumParts } from "../include/norm_tiles.ts";
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
  },
  buffers: {
    ...tables,
    y: read(3, "codes"),
    sums: write(4, "sum"),
  },
  reference,
  gpu: {
    source,
    tiles: ({ INT8, CQ }) => {
      const V = INT8 ? wideOf(CQ) : 1;
      return [{ V, CW: CQ / V }];
    },
    workgroups: ({ CHUNKS, CW }) => [Math.ceil(CHUNKS * CW / 64), 1, 1],
  },
  simd: { parts: ({ INT8, CHUNKS, CHUNK, CQ }) => sumParts(INT8, CHUNKS, CHUNK, CQ) },
});
