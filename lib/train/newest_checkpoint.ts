/**
 * The newest checkpoint of a run that can be read.
 *
 * @module
 */
import { DataError } from "../errors.ts";
import { readBytes } from "../files.ts";
import { type Checkpoint, decodeCheckpoint } from "./checkpoint.ts";
import type { RunFolder } from "./run_folder.ts";

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
export async function newestCheckpoint(
  folder: RunFolder,
  warn: (text: string) => void = () => {},
): Promise<FoundCheckpoint | undefined> {
  for (const { path } of await folder.checkpoints()) {
    const bytes = await readBytes(path); // One that cannot be read is not damaged: that is said.
    try {
      return { ...decodeCheckpoint(bytes, path), path, bytes };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      warn(`${error.message}; trying the checkpoint before`);
    }
  }
  return undefined;
}

/**
 * The same for a run that must have one.
 *
 * @throws DataError when none is whole
 */
export async function expectCheckpoint(
  folder: RunFolder,
  warn?: (text: string) => void,
): Promise<FoundCheckpoint> {
  const found = await newestCheckpoint(folder, warn);
  if (found) return found;
  throw new DataError(
    `${folder.path}: expected a whole checkpoint in checkpoints/, found none; ` +
      `train at least one epoch, or go on with --resume`,
  );
}
