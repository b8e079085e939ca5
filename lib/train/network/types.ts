/**
 * State of a network on the host: what a checkpoint stores, and what a network is loaded from.
 *
 * @module
 */
import type { NamedTensor } from "../../program/parameter_layout.ts";
import type { Range } from "../../quant/range.ts";

/** What a checkpoint holds of weights. */
export interface WeightsState {
  /** Master weights, biases, norm scales and shifts. */
  readonly parameters: readonly NamedTensor[];
  /** Momentum, by the names of the parameters that train. */
  readonly velocities: readonly NamedTensor[];
  /** AdamW's averages of squared gradients, by the names of the parameters; else none. */
  readonly seconds: readonly NamedTensor[];
  /** Moving averages of the parameters, by their names; none without `train.ema`. */
  readonly averages: readonly NamedTensor[];
  /** Batch norm's running means and variances. */
  readonly running: readonly NamedTensor[];
}

/** Looks up a tensor of a file; throws when it is missing or has another shape. */
export type TensorLookup = (name: string, shape: readonly number[]) => Float32Array;

/** Everything that a checkpoint holds of a network. */
export interface NetworkState extends WeightsState {
  /** By the name of the quantizer. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** What estimators keep beside the range, by the name of the quantizer. */
  readonly memories: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** What a network is loaded from. */
export interface LoadedState extends Pick<NetworkState, "ranges"> {
  readonly find: TensorLookup;
  /** Whether the file has a tensor. */
  readonly has?: (name: string) => boolean;
  readonly memories?: NetworkState["memories"];
}
