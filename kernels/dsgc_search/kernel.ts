/**
 * The kernel `dsgc_search`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, shared, write } from "../define_kernel.ts";
import { statisticsRead, table } from "../include/interface.ts";
import { dsgcSearch as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** One step of dsgc's golden-section search for a clipping range. */
export const dsgcSearch = defineKernel({
  name: "dsgc_search",
  constants: {
    TILES: "integer",
    MOVES: "integer",
    SYMMETRIC: "flag",
    SCALE_RATE: "flag",
    ROW: "row",
  },
  buffers: {
    ...statisticsRead,
    errors: shared(read(3, "f32"), "errors"),
    table: table(4),
    search: shared(write(5, "f32"), "search"),
  },
  reference,
  gpu: {
    source,
    workgroups: () => [1, 1, 1],
  },
});
