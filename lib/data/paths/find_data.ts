/**
 * Finding files and folders of data.
 *
 * @module
 */
import { basename, join } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { PathScope } from "../../recipe/path_scope.ts";
import { look } from "./stat.ts";
import { type Guard, guardOf, inShared, outsideScope, READ_ANYTHING } from "./path_policy.ts";

/** What a recipe names. */
export interface FoundPath {
  /** Where it was found. */
  readonly path: string;
  /** Whether it is a folder. */
  readonly folder: boolean;
  /** What may be read of it. */
  readonly guard: Guard;
}

/**
 * The folder of a data set: `root` itself, or the folder of that name in `QTRAIN_DATA`.
 *
 * @throws {DataError} when neither exists, with both places
 */
export async function findRoot(root: string, scope: PathScope): Promise<FoundPath> {
  const place = await findPlace(root, scope, "a folder with the data");
  const { path, folder } = place;
  if (folder) return place;
  throw new DataError(
    `data.root: expected a folder, found a file at ${path}; name the folder it lies in`,
  );
}

/**
 * What `root` names, a file or a folder: itself, or what has that name in `QTRAIN_DATA`.
 *
 * @param what is expected there
 * @throws {DataError} when neither exists, with both places
 */
export async function findPlace(
  root: string,
  scope: PathScope,
  what: string,
): Promise<FoundPath> {
  if (root === "") {
    throw new DataError(`data.root: expected ${what}, found nothing; name one`);
  }
  const guard = await guardOf("data.root", root, scope), shared = inShared(basename(root));
  const places = [
    ...(guard ? [{ path: root, guard }] : []),
    ...(shared === undefined ? [] : [{ path: shared, guard: READ_ANYTHING }]),
  ];
  for (const place of places) {
    const info = await look(place.path);
    if (!info) continue;
    await place.guard.check(place.path);
    return { ...place, folder: info.isDirectory };
  }
  if (!guard) throw outsideScope("data.root", root, scope);
  const also = shared === undefined
    ? ", and QTRAIN_DATA, which may name a folder of data sets, is not set"
    : `, nor in QTRAIN_DATA at ${shared}`;
  throw new DataError(
    `data.root: expected ${what}, found nothing at ${root}${also}; ` +
      `correct data.root or set QTRAIN_DATA`,
  );
}

/** The first of `names` that is a file in `folder`, as a path. @throws {DataError} when none is */
export async function findFile(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const path = join(folder, name);
    if ((await look(path))?.isFile) return path;
  }
  throw new DataError(
    `${folder}: expected one of the files ${names.join(", ")}, found none of them; ` +
      `put it there or correct data.root`,
  );
}
