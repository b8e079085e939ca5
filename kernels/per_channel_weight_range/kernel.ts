/**
 * The kernel `per_channel_weight_range`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { perChannelWeightRange as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Scale and 1/scale of each output channel of a weight tensor. */
export const perChannelWeightRange = defineKernel({
  name: "per_channel_weight_range",
  constants: {
    ...quad,
    V: 1,
    OQ: "integer",
    SIZE: "integer",
    W_ROW: "row",
    LANES: "tile",
  },
  buffers: {
    ...tables,
    weight: read(3, "f32"),
    channels: write(4, "f32"),
  },
  reference,
  gpu: {
    source,
    tiles: (_, { software }) => [{ LANES: software ? 1 : 64 }],
    workgroups: ({ OQ, LANES }) => [Math.ceil(4 * OQ * LANES / 64), 1, 1],
  },
  simd: { parts: ({ OQ, SIZE }) => partsOf(4 * OQ, 4 * SIZE) },
});
