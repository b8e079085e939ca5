/**
 * What training does before a device is opened. All that is wrong with a recipe, its data and its
 * initial weights is found here, so `qtrain check` does it too.
 *
 * @module
 */
import type { Dataset } from "../data/dataset.ts";
import { openDataset } from "../data/open.ts";
import { expectBatch } from "../data/sampler.ts";
import { type DataShape, type Plan, plan } from "../program/plan.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { type InitialWeights, initialWeights } from "./checkpoint/init.ts";

interface PrepareOptions {
  /** Estimators that the recipe may name; those of qtrain by default. */
  readonly estimators?: EstimatorMakers;
  /** Whether to read the weights of the recipe's `init`; true by default. */
  readonly weights?: boolean;
  /** Called with each warning. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Called now and then with how far the listing of files is. */
  readonly progress?: ((text: string) => void) | undefined;
}

/** A planned program, with the weights of the recipe's `init` where it has one. */
interface PreparedProgram extends Plan {
  readonly initial: InitialWeights | undefined;
}

/**
 * Opens the data of a recipe, plans its program and reads its initial weights.
 *
 * @throws DataError, ModelError when the recipe cannot be trained
 */
export async function prepareTraining(
  recipe: Recipe,
  options: PrepareOptions = {},
): Promise<PreparedProgram & { readonly data: Dataset }> {
  const data = await openDataset(recipe, options);
  expectBatch(data.train.count, recipe.train.batch);
  return { data, ...await prepareProgram(recipe, data, options) };
}

/**
 * Plans the program of a recipe and reads its initial weights, without its data.
 *
 * @param data the shape that the recipe states
 * @throws DataError, ModelError when the recipe cannot be trained
 */
export async function prepareProgram(
  recipe: Recipe,
  data: DataShape,
  { estimators, weights = true, warn }: PrepareOptions = {},
): Promise<PreparedProgram> {
  const planned = plan(recipe, data, { estimators });
  const initial = weights && recipe.init
    ? await initialWeights(recipe, planned.program, data, warn)
    : undefined;
  return { ...planned, initial };
}
