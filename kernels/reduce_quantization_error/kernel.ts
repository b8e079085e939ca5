/**
 * The kernel `reduce_quantization_error`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, shared, write } from "../define_kernel.ts";
import { reduceQuantizationError as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** Joins the tiles of quantization_error into a quantizer's row of the telemetry. */
export const reduceQuantizationError = defineKernel({
  name: "reduce_quantization_error",
  constants: {
    TILES: "integer",
    ROW: "row",
  },
  buffers: {
    errors: shared(read(3, "f32"), "errors"),
    fidelity: shared(write(4, "f32"), "fidelity"),
  },
  reference,
  gpu: {
    source,
    workgroups: () => [1, 1, 1],
  },
});
