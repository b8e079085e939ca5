/**
 * Constants and buffers of the files that shaders include, for the descriptors of kernels.
 *
 * @module
 */
import { QUANTIZER } from "../../lib/quant/layouts.ts";
import { read, shared, write } from "../define_kernel.ts";

/** Constants of quad.wgsl: INT8: codes are stored, not f32. */
export const quad = { INT8: "epilogue" } as const;

/** Buffers of quad.wgsl: the table of quantizers, the statistics, and the step's uniform. */
export const tables = {
  quantizers: shared(read(0, "f32", { columns: { count: QUANTIZER.words, run: 1 } }), "quantizers"),
  statistics: shared(write(1, "u32", { byTile: true }), "statistics"),
  step: { binding: 2, access: "uniform", type: "u32", shared: "step" },
} as const;

/** The statistics, for kernels that only read them. */
export const statisticsRead = { statistics: shared(read(1, "u32"), "statistics") } as const;

/** The table of quantizers, for kernels that write it. */
export function table<const N extends number>(binding: N) {
  return shared(
    write(binding, "f32", { columns: { count: QUANTIZER.words, run: 1 } }),
    "quantizers",
  );
}

/** Constants of quantize.wgsl: how an output is stored. */
export const store = {
  ...quad,
  STORE: "epilogue",
  STOCHASTIC: "epilogue",
  QUIET: "epilogue",
  IMAGE: "epilogue operand",
} as const;

/** Constants of gradient.wgsl: the gradient to add, and the mask of the activation before it. */
export const gradient = {
  ...store,
  ADDEND: "flag",
  ADDEND_ROW: "row",
  MASK: "integer",
  MASK_ROW: "row",
} as const;

/** Buffers of gradient.wgsl. */
export const gradientBuffers = {
  ...tables,
  addend: read(6, "codes", { when: "ADDEND" }),
  mask: read(7, "codes", { when: "MASK" }),
} as const;

/** Columns of batch norm's coefficients, per channel: a, mean, beta, c1, c2, 1/√(variance + ε). */
export const coefficientColumns = { columns: { count: 6, run: 4 } } as const;

/** Images of N, windows of KH × KW over them, and CQ quads of CHANNELS channels, of the pooling kernels. */
export const pooling = {
  N: "integer",
  H: "integer",
  W: "integer",
  HO: "integer",
  WO: "integer",
  CQ: "integer",
  CHANNELS: "integer",
  KH: "integer",
  KW: "integer",
  SH: "integer",
  SW: "integer",
  PH: "integer",
  PW: "integer",
} as const;

/** Settings, sizes and rows of the optimizers' kernels; with CLIP, gradients are scaled by their norm. */
export const optimizer = {
  ...store,
  V: 1,
  SIZE: "operand",
  CLIP: "flag",
  SCALED: "flag",
  WEIGHT_DECAY: "real",
  RATE_ROW: "row",
  W_ROW: "row",
  NONFINITE: { nonfinite: "weight", in: "update" },
  R: "tile",
} as const;

/** Buffers of the optimizers' kernels, but for the scale of clipping. */
export const optimizerBuffers = {
  ...tables,
  gradient: read(3, "f32"),
  weight: write(4, "f32"),
  velocity: write(5, "f32"),
  found_nonfinite: shared(read(8, "u32"), "found_nonfinite"),
} as const;
