/**
 * A recipe: complete, as the rest of qtrain reads it; as a person or a program writes it; and the schema
 * that leads from one to the other. Each part has a file of its own.
 *
 * @module
 */
import { estimators } from "../quant/estimators/mod.ts";
import * as z from "./zod.ts";
import type { AugmentInput } from "./augment.ts";
import { memory } from "./byte_size.ts";
import { data, type DataSpec } from "./data.ts";
import { flag, integer, type Loose, map, type PairInput, SILENT, word } from "./fields.ts";
import type { LayerInput } from "./layers.ts";
import { model, type ModelSpec, type ZooSpec } from "./model.ts";
import type { PathScope } from "./path_scope.ts";
import {
  type ActivationsSpec,
  type GradientsSpec,
  quantize,
  type QuantizeSpec,
  type WeightsSpec,
} from "./quantize.ts";
import { type Problem, toProblems } from "./recipe_errors.ts";
import { type OptimizerSpec, type ScheduleSpec, train, type TrainSpec } from "./train.ts";

/** How ranks train together. */
export interface DistributedSpec {
  /**
   * How gradients go from rank to rank: `f32`, or `int8`: 8-bit codes with a range of each tensor from
   * earlier steps, and sums of codes on the way back. It takes 3 bytes a weight and step where `f32` takes
   * 8. The results are other ones than those of `f32`, and the same for any number of ranks, also one.
   */
  readonly wire: "f32" | "int8";
}

/** A complete recipe, deeply frozen. */
export interface Recipe {
  /** Where `data.root` and `init` may lead; not written with the recipe. */
  readonly pathScope: PathScope;
  /** Name of the run's folder. */
  readonly name: string;
  /** Seed of all random numbers. */
  readonly seed: number;
  /** The images. */
  readonly data: DataSpec;
  /** The network. */
  readonly model: ModelSpec;
  /**
   * Weights to start from: path of a safetensors file (qtrain's, or with PyTorch's names for a network by
   * name), or of a run's folder. Empty: random values from the seed. If the classes differ, or the file
   * has another last layer or none, the last layer is initialized from the seed. An export has the names
   * of the file.
   */
  readonly init: string;
  /** Layers that do not train, by name or pattern. Frozen batch norms keep their running statistics. */
  readonly freeze: readonly string[];
  /** Arithmetic, bits and ranges. */
  readonly quantize: QuantizeSpec;
  /** Length, optimizer, checkpoints. */
  readonly train: TrainSpec;
  /** Limit of all buffers on the device, as bytes or 64MiB; 0: none. */
  readonly memory: number;
  /** `full`: logged steps report the quantization error of every tensor. */
  readonly telemetry: "basic" | "full";
  /** Writes event files for TensorBoard, in `events/` of the run's folder. */
  readonly tensorboard: boolean;
  /** Training on several ranks, with `--mpi`. */
  readonly distributed: DistributedSpec;
}

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
  /** Writes event files for TensorBoard, in `events/` of the run's folder. */
  readonly tensorboard?: boolean;
  /** Training on several ranks. */
  readonly distributed?: Partial<DistributedSpec>;
  /** Length and optimizer. */
  readonly train?: Loose<TrainSpec, "batch" | "optimizer" | "schedule"> & {
    readonly batch?: number | "auto";
    readonly optimizer?: Partial<OptimizerSpec>;
    readonly schedule?: Partial<ScheduleSpec>;
  };
}

/** A folder's name: no separators, nothing hidden, nothing that a shell or Windows dislikes. */
export const FOLDER_NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}._-]{0,58}[\p{L}\p{N}_-])?$/u;

const PATTERN = "the name of a layer, or a pattern such as conv*";
const PATTERNS = "a list of layers' names, or patterns such as conv*";

const namesWith = (more: readonly string[]) => [...Object.keys(estimators), ...more, "none"];

/** Every estimator of qtrain that a recipe may name; `none`: not quantized. */
export const ESTIMATOR_NAMES: readonly string[] = namesWith([]);

const runName = () => {
  const error = "a name for a folder, of letters, digits, _, - and . (a letter, digit or _ first)";
  return z.string(error).regex(FOLDER_NAME, error);
};

const recipeWith = (names: readonly string[]) =>
  map({
    name: runName().default("run"),
    seed: integer(0, 2 ** 32 - 1).default(1),
    data,
    model,
    init: z.string("the path of a safetensors file or of a run's folder").default("")
      .meta({ examples: ["resnet18.safetensors", "runs/photos"] }),
    freeze: z.array(z.string(PATTERN).min(1, PATTERN), PATTERNS).default([])
      .meta({ examples: [["conv1", "norm1", "layer1-*"]] }),
    quantize: quantize(names).prefault({}),
    train: train.prefault({}),
    memory: memory.prefault(0),
    telemetry: word("basic", "full").default("basic").meta(SILENT),
    tensorboard: flag().default(false).meta(SILENT),
    distributed: map({ wire: word("f32", "int8").default("f32") }, "a map").prefault({}),
  }, "a map with at least data and model");

export const recipeSchema = recipeWith(ESTIMATOR_NAMES);

/** A complete recipe before it is known where it came from. */
export type UnscopedRecipe = Omit<Recipe, "pathScope">;

/**
 * Fills in the defaults of a plain value, or says what is wrong with it.
 *
 * @param more estimators that a program brought
 */
export function checkRecipe(
  value: unknown,
  more: readonly string[] = [],
): { recipe: UnscopedRecipe } | { problems: Problem[] } {
  const known = more.length === 0 ? recipeSchema : recipeWith(namesWith(more));
  const result = known.safeParse(value);
  return result.success ? { recipe: result.data } : { problems: toProblems(result.error.issues) };
}
