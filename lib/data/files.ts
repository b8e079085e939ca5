/**
 * Finding files and folders of data. What is not there is an ordinary answer; what may not be read
 * is a `DataError`.
 *
 * @module
 */
import { basename, join } from "node:path";
import { DataError } from "../errors.ts";

/** What lies at `path`, or undefined. @throws {DataError} when it may not be looked at */
export async function look(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw unreadable(path, error);
  }
}

/** The error for a path that is there but cannot be read. */
export function unreadable(path: string, error: unknown): DataError {
  const why = error instanceof Deno.errors.NotCapable
    ? "Deno was not allowed to; run it with --allow-read"
    : `the system says: ${error instanceof Error ? error.message : error}; check its permissions`;
  return new DataError(
    `${path}: expected something readable, found that it cannot be read (${why})`,
  );
}

/**
 * The folder of a data set: `root` itself, or the folder of that name in `QTRAIN_DATA`.
 *
 * @throws {DataError} when neither exists, with both places
 */
export async function findRoot(root: string): Promise<string> {
  const { path, folder } = await findPlace(root, "a folder with the data");
  if (folder) return path;
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
  what: string,
): Promise<{ path: string; folder: boolean }> {
  if (root === "") {
    throw new DataError(`data.root: expected ${what}, found nothing; name one`);
  }
  const places = [root];
  const shared = sharedData();
  if (shared !== undefined) places.push(join(shared, basename(root)));
  for (const path of places) {
    const info = await look(path);
    if (info) return { path, folder: info.isDirectory };
  }
  const also = shared === undefined
    ? ", and QTRAIN_DATA, which may name a folder of data sets, is not set"
    : `, nor in QTRAIN_DATA at ${places[1]}`;
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

/** `QTRAIN_DATA`; undefined when it is not set, empty, or not allowed to be read. */
function sharedData(): string | undefined {
  try {
    return Deno.env.get("QTRAIN_DATA") || undefined;
  } catch {
    return undefined;
  }
}
