/**
 * The newest checkpoint of a run that can be read, or the best.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { readBytes } from "../../core/files.ts";
import { type Checkpoint, decodeCheckpoint } from "./checkpoint.ts";
import type { RunFolder } from "../run_folder/run_folder.ts";

/** A checkpoint and the file that it came from. */
export interface FoundCheckpoint extends Checkpoint {
  /** Where it lies. */
  readonly path: string;
  /** The file's bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads the newest checkpoint of a run; a damaged one is told of and the one before it taken.
 * `undefined` when none is whole.
 */
export async function latestCheckpoint(
  folder: RunFolder,
  warn: (text: string) => void = () => {},
): Promise<FoundCheckpoint | undefined> {
  for (let look = 1;; look++) {
    let gone = false;
    for (const { path } of await folder.checkpoints()) {
      const found = await readCheckpoint(path);
      if (found && !(found instanceof DataError)) return found;
      if (found) warn(`${found.message}; trying the checkpoint before`);
      else gone = true;
    }
    // A run in progress may have replaced all of them between the two looks.
    if (!gone || look === 3) return undefined;
  }
}

/** A checkpoint; what is wrong with one that is damaged; `undefined` where it is not there any more. */
async function readCheckpoint(path: string): Promise<FoundCheckpoint | DataError | undefined> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readBytes(path);
  } catch (error) {
    // One that cannot be read is not damaged: that is said.
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

/**
 * The same for a run that must have one.
 *
 * @param best take the checkpoint with the best test accuracy so far; where it is damaged or gone,
 * that is told and the newest taken
 * @throws DataError when none is whole
 */
export async function expectCheckpoint(
  folder: RunFolder,
  warn?: (text: string) => void,
  best = false,
): Promise<FoundCheckpoint> {
  const newest = await latestCheckpoint(folder, warn);
  if (newest) return best ? await bestCheckpoint(folder, newest, warn) : newest;
  throw new DataError(
    `${folder.path}: expected a whole checkpoint in checkpoints/, found none; ` +
      `train at least one epoch, or go on with --resume`,
  );
}

async function bestCheckpoint(
  folder: RunFolder,
  newest: FoundCheckpoint,
  warn?: (text: string) => void,
): Promise<FoundCheckpoint> {
  const best = newest.trainerState.bests.at(-1);
  if (!best || best.step === newest.trainerState.step) return newest;
  const file = (await folder.checkpoints()).find(({ step }) => step === best.step);
  const found = file && await readCheckpoint(file.path);
  if (found && !(found instanceof DataError)) return found;
  const why = found ? found.message : `${folder.path}: the checkpoint of step ${best.step} is gone`;
  warn?.(`${why}; taking the newest in place of the best`);
  return newest;
}
