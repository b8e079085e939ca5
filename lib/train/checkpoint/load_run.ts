/**
 * A run that has been trained, as its folder holds it.
 *
 * @module
 */
import type { EstimatorMakers } from "../../quant/estimator.ts";
import { estimators as ownEstimators } from "../../quant/estimators.ts";
import { parseRecipe } from "../../recipe/load.ts";
import type { Recipe } from "../../recipe/types.ts";
import { expectCheckpoint, type FoundCheckpoint } from "./latest.ts";
import { RunFolder } from "../run_folder/run_folder.ts";

/** What a folder holds of a run. */
export interface TrainedRun {
  readonly recipe: Recipe;
  readonly checkpoint: FoundCheckpoint;
  /** Estimators of qtrain, and those of one's own. */
  readonly makers: EstimatorMakers;
}

/**
 * Reads a run's recipe and its newest checkpoint, or the best.
 *
 * @throws DataError when the folder holds no run or no whole checkpoint
 */
export async function loadRun(
  path: string,
  { warn, estimators = {}, overrides = [], best = false }: {
    readonly warn?: (text: string) => void;
    readonly overrides?: readonly string[];
    readonly estimators?: EstimatorMakers;
    readonly best?: boolean;
  },
): Promise<TrainedRun> {
  const folder = await RunFolder.open(path);
  const checkpoint = await expectCheckpoint(folder, warn, best);
  const text = await folder.readRecipe() ?? checkpoint.recipe ?? ""; // A file of another may lack it.
  const recipe = parseRecipe(text, `${path}/recipe.yaml`, overrides, Object.keys(estimators));
  return { recipe, checkpoint, makers: { ...ownEstimators, ...estimators } };
}
