/**
 * State of a network on the host: what a checkpoint stores, and what a network is loaded from.
 *
 * @module
 */
import type { NamedTensor } from "../../program/parameter_layout.ts";
import type { Range } from "../../quant/range.ts";

/** State of a network: everything that a checkpoint stores of it. */
export interface NetworkState {
  /** Master weights, biases, norm scales and shifts. */
  readonly parameters: readonly NamedTensor[];
  /**
   * What the optimizer keeps of the parameters that train, by the prefix of the tensors in a file:
   * `velocity`, and with AdamW `second_moment`.
   */
  readonly optimizer: ReadonlyMap<string, readonly NamedTensor[]>;
  /** Moving averages of the parameters, by their names; none without `train.ema`. */
  readonly averages: readonly NamedTensor[];
  /** Batch norm's running means and variances. */
  readonly running: readonly NamedTensor[];
  /** Ranges by the name of the quantizer. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** What estimators keep beside their range, by the name of the quantizer. */
  readonly memories: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** Returns a tensor of a file. Throws when it is missing or has another shape. */
export type TensorLookup = (name: string, shape: readonly number[]) => Float32Array;

/** State to load into a network. */
export interface LoadedState
  extends Pick<NetworkState, "ranges">, Partial<Pick<NetworkState, "memories">> {
  /** Returns a tensor by its name. */
  readonly find: TensorLookup;
  /** Whether the file has a tensor of this name. */
  readonly has?: (name: string) => boolean;
}
