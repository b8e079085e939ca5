/**
 * What training does before a device is opened. All that is wrong with a recipe, its data and its
 * initial weights is found here, so `qtrain check` does it too.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { listed, shellWord } from "../core/text.ts";
import { classWeights } from "../data/class_weights.ts";
import { matchClasses, withLabelsOf } from "../data/classes.ts";
import type { Dataset } from "../data/dataset.ts";
import { openDataset } from "../data/open.ts";
import { expectBatch } from "../data/sampler.ts";
import { withBatch } from "../program/auto_batch.ts";
import { type DataShape, type Plan, plan } from "../program/plan.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { type InitialWeights, initialWeights } from "./checkpoint/init.ts";
import type { LoadedCheckpoint } from "./checkpoint/load.ts";

interface PrepareOptions {
  /** Estimators that the recipe may name; those of qtrain by default. */
  readonly estimators?: EstimatorMakers;
  /** The checkpoint to resume from; the weights of the recipe's `init` are not read then. */
  readonly checkpoint?: LoadedCheckpoint | undefined;
  /** Whether ranks of distributed training add the gradients; false by default. */
  readonly exchanges?: boolean | undefined;
  /** Called with each warning. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Called now and then with how far the listing of files is. */
  readonly progress?: ((text: string) => void) | undefined;
}

/** A planned program, with the weights of the recipe's `init` where it has one. */
interface PreparedProgram extends Plan {
  /** The recipe, with a number in place of `train.batch: auto`. */
  readonly recipe: Recipe;
  readonly initial: InitialWeights | undefined;
}

/** A planned program and its data. */
interface PreparedTraining extends PreparedProgram {
  readonly data: Dataset;
  /** A weight for each class, of mean 1. */
  readonly classWeights: Float32Array<ArrayBuffer>;
}

/**
 * Opens the data of a recipe, plans its program and reads its initial weights.
 *
 * @throws DataError, ModelError when the recipe cannot be trained
 */
export async function prepareTraining(
  recipe: Recipe,
  options: PrepareOptions = {},
): Promise<PreparedTraining> {
  const { checkpoint, warn } = options;
  const opened = await openDataset(recipe, options);
  const data = checkpoint ? withClassesOf(checkpoint, opened, warn) : opened;
  const sized = withBatch(recipe, data, data.train.count, options.estimators);
  expectBatch(data.train.count, sized.train.batch);
  return {
    data,
    classWeights: classWeights(recipe.data.class_weights, data),
    ...await prepareProgram(sized, data, options),
  };
}

/** The data with the labels of the run. @throws UsageError when it has classes that the run has not */
function withClassesOf(
  { data: known, path }: LoadedCheckpoint,
  data: Dataset,
  warn?: (text: string) => void,
): Dataset {
  const { added } = matchClasses(known?.classNames ?? [], data.classNames ?? []);
  if (known?.classNames && added.length > 0) {
    throw new UsageError(
      `${path}: cannot resume: the run began with the classes ${listed(known.classNames)}, the ` +
        `data has others (${
          listed(added)
        }). Resume with the data it began with, or begin another ` +
        `run with its weights: ${shellWord(`init=${path}`)}`,
    );
  }
  return known ? withLabelsOf(known, data, "the run", warn).data : data;
}

/**
 * Plans the program of a recipe and reads its initial weights, without its data.
 *
 * @param data the shape that the recipe states
 * @throws DataError, ModelError when the recipe cannot be trained
 */
export async function prepareProgram(
  given: Recipe,
  data: DataShape,
  { estimators, exchanges, checkpoint, warn }: PrepareOptions = {},
): Promise<PreparedProgram> {
  const recipe = withBatch(given, data, undefined, estimators);
  const planned = plan(recipe, data, { estimators, exchanges });
  const initial = recipe.init && !checkpoint
    ? await initialWeights(recipe, planned.program, data, warn)
    : undefined;
  return { recipe, ...planned, initial };
}
