/**
 * Finds the folders of runs in a folder: those of `runs/`, and those of a comparison two levels below.
 *
 * @module
 */
import { fileError } from "../core/files.ts";

/** Levels below the folder: `runs/NAME-compare/runs/ROW` is three. */
const MAX_DEPTH = 3;
/** Runs that are found, the first by name. */
const MAX_RUNS = 2000;
/** Folders that are looked into: the folder may be one of something else. */
const MAX_FOLDERS = 20_000;
/** Files of which one is in every run's folder. */
const TRACES: readonly string[] = ["recipe.yaml", "metrics.jsonl"];

/** What was found. */
export interface FoundRuns {
  /** Paths of the runs by name, which is the path relative to the folder; empty if it is a run itself. */
  readonly paths: ReadonlyMap<string, string>;
  /** Whether there may be more: the folder has too many folders. */
  readonly cut: boolean;
}

/**
 * Finds runs in a folder and up to three levels below, or the folder itself. Symbolic links below it are
 * not followed, and nothing is looked for in hidden folders and in runs.
 *
 * @throws {DataError} when the folder cannot be read
 */
export async function findRuns(folder: string): Promise<FoundRuns> {
  const paths = new Map<string, string>();
  let level = [""], looked = 0;
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth++) {
    const next: string[] = [];
    for (const name of level) {
      if (paths.size === MAX_RUNS || looked++ === MAX_FOLDERS) return { paths, cut: true };
      const path = name === "" ? folder : `${folder}/${name}`;
      const { isRun, folders } = await look(path, name === "");
      if (isRun) paths.set(name, path);
      else for (const inner of folders) next.push(name === "" ? inner : `${name}/${inner}`);
    }
    level = next;
  }
  return { paths, cut: false };
}

async function look(
  path: string,
  expected: boolean,
): Promise<{ isRun: boolean; folders: string[] }> {
  const folders: string[] = [];
  let isRun = false;
  try {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (TRACES.includes(name)) isRun = true;
      if (isDirectory && !name.startsWith(".")) folders.push(name);
    }
  } catch (error) {
    // A folder below may vanish at any moment, or be somebody else's.
    if (expected) throw fileError(error, "read", path);
  }
  return { isRun, folders: folders.sort(inOrder) };
}

/** `run-2` before `run-10`. */
const { compare: inOrder } = new Intl.Collator("en", { numeric: true });
