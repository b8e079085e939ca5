/**
 * `train.batch: auto`: the batch that suits the memory of a recipe.
 *
 * @module
 */
import { ModelError } from "../core/errors.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { requiredBytes } from "./memory/budget.ts";
import { type DataShape, plan } from "./plan.ts";

/** Batches to choose from. With more than 256 images, networks of this size learn less in an epoch. */
const BATCHES = [256, 192, 128, 96, 64, 48, 32, 24, 16];
/** The least to choose: batch norm needs some images at once. */
const MIN_BATCH = 16;
/** The batch without a limit of memory: the default of `train.batch`. */
const DEFAULT_BATCH = 64;
/** A smaller batch is chosen where an epoch would have fewer steps. */
const MIN_STEPS = 20;

/**
 * Returns the recipe with a number in place of `train.batch: auto`: the largest of a few sizes whose plan
 * fits `memory` in one piece, with nothing recomputed; 64 if there is no limit. If not even 16 images
 * fit, it is 16, which the plan then makes fit as any batch. The learning rate stays as it is.
 *
 * @param images number of training images; `undefined`: not known
 */
export function withBatch(
  recipe: Recipe,
  data: DataShape,
  images = Infinity,
  estimators?: EstimatorMakers,
): Recipe {
  const { memory, train } = recipe, { micro_batch: micro } = train;
  if (train.batch > 0) return recipe;
  const sized = (batch: number): Recipe => ({ ...recipe, train: { ...train, batch } });
  const most = memory > 0 ? BATCHES[0]! : DEFAULT_BATCH;
  const sizes = BATCHES.filter((size) =>
    size <= most && size * MIN_STEPS <= images && (micro === 0 || size % micro === 0)
  );
  const least = micro || Math.min(MIN_BATCH, images);
  const chosen = memory > 0 ? sizes.find((size) => fits(sized(size), data, estimators)) : sizes[0];
  return sized(chosen ?? sizes.at(-1) ?? least);
}

/** Whether a batch fits the recipe's memory without recomputing, in the micro-batches of the recipe. */
function fits(recipe: Recipe, data: DataShape, estimators?: EstimatorMakers): boolean {
  try {
    const { program } = plan({ ...recipe, memory: 0 }, data, { estimators });
    return requiredBytes(program) <= recipe.memory;
  } catch (error) {
    if (error instanceof ModelError) return false; // Too large for a kernel; or refused by any plan.
    throw error;
  }
}
