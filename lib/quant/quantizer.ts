/**
 * The quantizers of a program: one for each stored tensor.
 *
 * @module
 */
import type { EstimatorSettings } from "./estimator.ts";

/**
 * `int8`: int8 storage and int8 dot products. `simulated`: f32 storage of the values that codes
 * represent, quantized at the same points. `float32`: no quantizers.
 */
export type Arithmetic = "int8" | "simulated" | "float32";

/** A stored tensor's quantizer: one row of the table and of the statistics. */
export interface QuantizerSpec {
  /** Name of the tensor, e.g. `conv1` or `conv1.gradient`. */
  readonly name: string;
  /** Layer of the tensor. */
  readonly layer: string;
  /** Kind of tensor. */
  readonly role: "weight" | "input" | "activation" | "gradient";
  /** Values of the tensor in a step, over all its micro-batches, without padding. */
  readonly elements: number;
  /** 2 to 8; with simulated arithmetic up to 16. */
  readonly bits: number;
  /** Zero point 0, codes ±qmax. */
  readonly symmetric: boolean;
  /** Settings of its estimator. */
  readonly settings: EstimatorSettings;
  /** Whether its range follows from the tensor itself and is set between computing and quantizing it. */
  readonly dynamic: boolean;
  /** The device searches for its range in the tensor itself, every `interval` steps. */
  readonly search?: { readonly interval: number; readonly scaleRate: boolean };
}
