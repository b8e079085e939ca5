/**
 * The kernel `weight_sums`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, partsOf, read, write } from "../define_kernel.ts";
import { quad, tables } from "../include/interface.ts";
import { weightSums as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Sums of weight codes, which correct for zero points. */
export const weightSums = defineKernel({
  name: "weight_sums",
  constants: {
    ...quad,
    V: 1,
    IQ: "operand",
    OQ: "operand",
    KH: "operand",
    KW: "operand",
    SH: "operand",
    SW: "operand",
    PH: "operand",
    PW: "operand",
    BACKWARD: "flag",
    COLUMNS: "tile",
    LANES: "tile",
    THREADS: "tile",
  },
  buffers: {
    ...tables,
    forward: read(3, "codes"),
    forward_sum: write(4, "i32"),
    backward: read(5, "codes", { when: "BACKWARD" }),
    backward_sum: write(6, "i32", { when: "BACKWARD" }),
  },
  reference,
  gpu: {
    source,
    tiles: (_, { software }) => [
      software ? { COLUMNS: 64, LANES: 1, THREADS: 64 } : { COLUMNS: 4, LANES: 64, THREADS: 256 },
    ],
    workgroups: (
      { OQ, BACKWARD, SH, SW, IQ, COLUMNS },
    ) => [Math.ceil(Math.max(OQ, BACKWARD * SH * SW * IQ) / COLUMNS), 1, 1],
  },
  simd: {
    parts: ({ OQ, IQ, KH, KW }) => {
      const codes = 16 * KH * KW;
      return [...partsOf(OQ, codes * IQ), ...partsOf(IQ, codes * OQ)];
    },
  },
});
