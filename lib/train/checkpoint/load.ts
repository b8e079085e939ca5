/**
 * Loads a run from its folder: its recipe, and its latest checkpoint or the one with the best test
 * accuracy.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { readBytes } from "../../core/files.ts";
import type { EstimatorMakers } from "../../quant/estimator.ts";
import { estimators as ownEstimators } from "../../quant/estimators/mod.ts";
import type { InputSpec } from "../../program/input_spec.ts";
import { parseRecipe } from "../../recipe/load.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { RunFolder } from "../run_folder/run_folder.ts";
import { type Checkpoint, decodeCheckpoint } from "./checkpoint.ts";

/** A checkpoint and its file. */
export interface LoadedCheckpoint extends Checkpoint {
  /** Path of the file. */
  readonly path: string;
  /** Contents of the file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A run that has been trained. */
export interface TrainedRun {
  readonly recipe: Recipe;
  readonly checkpoint: LoadedCheckpoint;
  /** Estimators of qtrain and custom ones, by name. */
  readonly makers: EstimatorMakers;
}

/**
 * Shape, classes and normalization of a run's images.
 *
 * @throws DataError when its checkpoint is of a version that did not know them
 */
export function inputSpecOf({ checkpoint: { data, path } }: TrainedRun): InputSpec {
  if (!data) {
    throw new DataError(
      `${path}: expected the shape, classes, mean and std of its images in the metadata, got none: ` +
        "an earlier version of qtrain wrote it. Train again, or continue for one more epoch with " +
        "--resume",
    );
  }
  return data;
}

/** How often to list the checkpoints when all of them vanish while they are read. */
const MAX_LISTINGS = 3;

/**
 * Loads the recipe of a run and its latest checkpoint, or the best.
 *
 * @param path the run's folder
 * @throws DataError when the folder holds no run or no intact checkpoint
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
  const text = await folder.readRecipe() ?? checkpoint.recipe; // The file may have been deleted.
  const recipe = parseRecipe(text, `${path}/recipe.yaml`, overrides, Object.keys(estimators));
  return { recipe, checkpoint, makers: { ...ownEstimators, ...estimators } };
}

/**
 * Loads the latest intact checkpoint of a run; warns of each damaged one. `undefined` when there is
 * none.
 */
export async function latestCheckpoint(
  folder: RunFolder,
  warn: (text: string) => void = () => {},
): Promise<LoadedCheckpoint | undefined> {
  for (let listing = 1;; listing++) {
    let gone = false;
    for (const { path } of await folder.checkpoints()) {
      const found = await readCheckpoint(path);
      if (found && !(found instanceof DataError)) return found;
      if (found) warn(`${found.message}; trying the checkpoint before`);
      else gone = true;
    }
    // A run in progress may have replaced all of them since they were listed.
    if (!gone || listing === MAX_LISTINGS) return undefined;
  }
}

/**
 * Loads the latest intact checkpoint of a run, or the best.
 *
 * @param best whether to load the checkpoint with the best test accuracy so far; when it is damaged
 * or missing, or there is none yet, warns and loads the latest
 * @throws DataError when there is no intact checkpoint
 */
export async function expectCheckpoint(
  folder: RunFolder,
  warn?: (text: string) => void,
  best = false,
): Promise<LoadedCheckpoint> {
  const latest = await latestCheckpoint(folder, warn);
  if (latest) return best ? await bestCheckpoint(folder, latest, warn) : latest;
  throw new DataError(
    `${folder.path}: no intact checkpoint in checkpoints/. Train for at least one epoch, or ` +
      "continue with --resume",
  );
}

async function bestCheckpoint(
  folder: RunFolder,
  latest: LoadedCheckpoint,
  warn?: (text: string) => void,
): Promise<LoadedCheckpoint> {
  const best = latest.trainerState.bests.at(-1);
  if (best?.step === latest.trainerState.step) return latest;
  const file = (await folder.checkpoints()).find(({ step }) => step === best?.step);
  const found = file && await readCheckpoint(file.path);
  if (found && !(found instanceof DataError)) return found;
  const why = found
    ? found.message
    : best
    ? `${folder.path}: the checkpoint of step ${best.step} is missing`
    : `${folder.path}: no epoch has ended yet, so no checkpoint is the best`;
  warn?.(`${why}; using the latest one instead of the best`);
  return latest;
}

/** Reads a checkpoint; returns the error of a damaged one, and `undefined` when the file is gone. */
async function readCheckpoint(path: string): Promise<LoadedCheckpoint | DataError | undefined> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readBytes(path);
  } catch (error) {
    // A file that cannot be read is not damaged: the error is reported.
    if ((error as Error).cause instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    return { ...decodeCheckpoint(bytes, path), path, bytes };
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}
