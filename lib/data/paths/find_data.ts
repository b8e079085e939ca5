/**
 * Finding files and folders of data.
 *
 * @module
 */
import { basename, join } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { PathScope } from "../../recipe/path_scope.ts";
import { stat } from "./stat.ts";
import {
  inQtrainData,
  outsideScope,
  type PathPolicy,
  pathPolicy,
  READ_ANYTHING,
} from "./path_policy.ts";

/** The file or folder at a path of a recipe. */
interface FoundPath {
  /** Where it was found. */
  readonly path: string;
  /** Whether it is a folder. */
  readonly folder: boolean;
  /** Which of its files may be read. */
  readonly policy: PathPolicy;
}

/**
 * The folder of a data set: `root` itself, or the folder of that name in `QTRAIN_DATA`.
 *
 * @throws {DataError} when neither exists or is a folder, or the path scope forbids it
 */
export async function findFolder(root: string, scope: PathScope): Promise<FoundPath> {
  const found = await findPath(root, scope, "a folder with the data");
  if (found.folder) return found;
  throw new DataError(
    `data.root: expected a folder, got a file at ${found.path}; give the folder that it is in`,
  );
}

/**
 * The file or folder of a data set: `root` itself, or what has its name in `QTRAIN_DATA`.
 *
 * @param what what is expected there, for the error
 * @throws {DataError} when neither exists, or the path scope forbids it
 */
export async function findPath(
  root: string,
  scope: PathScope,
  what: string,
): Promise<FoundPath> {
  if (root === "") {
    throw new DataError(`data.root: expected ${what}, got nothing; give its path`);
  }
  const policy = await pathPolicy("data.root", root, scope), shared = inQtrainData(basename(root));
  const candidates = [
    ...(policy ? [{ path: root, policy }] : []),
    ...(shared === undefined ? [] : [{ path: shared, policy: READ_ANYTHING }]),
  ];
  for (const candidate of candidates) {
    const info = await stat(candidate.path);
    if (!info) continue;
    await candidate.policy.check(candidate.path);
    return { ...candidate, folder: info.isDirectory };
  }
  if (!policy) throw outsideScope("data.root", root, scope);
  const also = shared === undefined
    ? ", and QTRAIN_DATA, which may name a folder of data sets, is not set"
    : `, nor in QTRAIN_DATA at ${shared}`;
  throw new DataError(
    `data.root: expected ${what}, found nothing at ${root}${also}; ` +
      `correct data.root or set QTRAIN_DATA`,
  );
}

/** Whether a data set is at `root`, or in `QTRAIN_DATA` under its name; it may be unreadable. */
export async function isDataThere(root: string): Promise<boolean> {
  const shared = inQtrainData(basename(root));
  return await stat(root) !== undefined || shared !== undefined && await stat(shared) !== undefined;
}

/** The first of `names` that is a file in `folder`, as a path. @throws {DataError} when none is */
export async function findFile(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path))?.isFile) return path;
  }
  throw new DataError(
    `${folder}: expected one of the files ${names.join(", ")}, found none of them; ` +
      `put it there or correct data.root`,
  );
}
