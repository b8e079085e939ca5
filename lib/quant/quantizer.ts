/**
 * What a program says of the quantizer of each stored tensor.
 *
 * @module
 */
import type { EstimatorSettings } from "./estimator.ts";

/**
 * `int8`: codes and int8 dot products. `simulated`: f32 that holds only values which codes stand for,
 * quantized at the same points. `float32`: no quantizers.
 */
export type Arithmetic = "int8" | "simulated" | "float32";

/** A stored tensor's quantizer: one row of the table and of the statistics. */
export interface QuantizerSpec {
  /** The tensor it quantizes, e.g. `conv1` or `conv1.gradient`. */
  readonly name: string;
  /** The layer it belongs to. */
  readonly layer: string;
  /** What kind of tensor. */
  readonly role: "weight" | "input" | "activation" | "gradient";
  /** Values of the tensor that a step sees in all its micro-batches, without padding. */
  readonly elements: number;
  /** 2 to 8; with simulated arithmetic up to 16. */
  readonly bits: number;
  /** Zero point 0, codes ±qmax. */
  readonly symmetric: boolean;
  /** Where its range comes from. */
  readonly settings: EstimatorSettings;
  /** Whether its range needs the tensor itself, and is set between making and quantizing it. */
  readonly dynamic: boolean;
  /** The device looks for its range in the tensor itself, every `interval` steps. */
  readonly search?: { readonly interval: number; readonly scaleRate: boolean };
}
