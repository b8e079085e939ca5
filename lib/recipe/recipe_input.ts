/**
 * What a person or a program writes as a recipe: everything but `data` and `model` may be left out,
 * and a number stands for a pair of equal ones.
 *
 * @module
 */

import type { Loose, PairInput } from "./fields.ts";
import type { LayerInput } from "./layers.ts";
import type {
  ActivationsSpec,
  AugmentSpec,
  DataSpec,
  GradientsSpec,
  OptimizerSpec,
  QuantizeSpec,
  ScheduleSpec,
  TrainSpec,
  WeightsSpec,
  ZooSpec,
} from "./types.ts";

import type { PathScope } from "./path_scope.ts";

export type { Loose, PairInput } from "./fields.ts";
export type { LayerInput } from "./layers.ts";

/** One augmentation as it may be written; a bare word is that one with its defaults. */
export type AugmentInput = AugmentSpec extends infer S
  ? S extends AugmentSpec ? keyof S | { readonly [K in keyof S]: Partial<S[K]> } : never
  : never;

/** A recipe as it may be written. A complete `Recipe` is one too. */
export interface RecipeInput {
  /** Where `data.root` and `init` may lead; by default to the current folder and `QTRAIN_DATA`. */
  readonly pathScope?: PathScope;
  /** A folder's name; the file's own name by default. */
  readonly name?: string;
  /** 0 to 2³² − 1. */
  readonly seed?: number;
  /** The images. */
  readonly data: Pick<DataSpec, "format"> & Loose<DataSpec, "size" | "mean" | "std" | "augment"> & {
    readonly size?: PairInput;
    readonly mean?: number | readonly number[];
    readonly std?: number | readonly number[];
    readonly augment?: readonly AugmentInput[];
  };
  /** The network. */
  readonly model:
    | (Pick<ZooSpec, "name"> & Partial<ZooSpec>)
    | { readonly layers: readonly LayerInput[] };
  /** What the weights start from: a safetensors file or a run's folder. */
  readonly init?: string;
  /** Layers that do not train, by pattern. */
  readonly freeze?: readonly string[];
  /** The arithmetic and its ranges. */
  readonly quantize?: Loose<QuantizeSpec, "weights" | "activations" | "gradients"> & {
    readonly weights?: Partial<WeightsSpec>;
    readonly activations?: Partial<ActivationsSpec>;
    readonly gradients?: Partial<GradientsSpec>;
  };
  /** What all buffers on the device may add up to: `64MiB`, `1.5GB`, or bytes; 0: no limit. */
  readonly memory?: number | string;
  /** `full`: logged steps compare each quantized tensor with its real values. */
  readonly telemetry?: "basic" | "full";
  /** Length and optimizer. */
  readonly train?: Loose<TrainSpec, "optimizer" | "schedule"> & {
    readonly optimizer?: Partial<OptimizerSpec>;
    readonly schedule?: Partial<ScheduleSpec>;
  };
}
