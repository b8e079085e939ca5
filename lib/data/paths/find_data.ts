/**
 * Finding files and folders of data.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { nearest } from "../../core/did_you_mean.ts";
import { DataError } from "../../core/errors.ts";
import { shellWord, visible } from "../../core/text.ts";
import type { PathField, PathScope } from "../../recipe/path_scope.ts";
import { stat } from "./stat.ts";
import { outsideScope, type PathPolicy, placesOf } from "./path_policy.ts";

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
  const { archiveAt } = await import("./archive.ts"), archive = await archiveAt(found.path);
  if (archive) {
    throw new DataError(
      `data.root: expected a folder, got ${archive.kind} at ${found.path}; ${archive.remedy}`,
    );
  }
  throw new DataError(
    `data.root: expected a folder, got a file at ${found.path}; give the folder that it is in`,
  );
}

/**
 * The file or folder of a data set: where the recipe or the record of its run leads, or what has its
 * name in `QTRAIN_DATA`.
 *
 * @param what what is expected there, for the error
 * @throws {DataError} when nothing is there, or the path scope forbids it
 */
export async function findPath(
  root: string,
  scope: PathScope,
  what: string,
): Promise<FoundPath> {
  if (root === "") {
    throw new DataError(`data.root: expected ${what}, got nothing; give its path`);
  }
  return await firstFound("data.root", root, scope, what);
}

/**
 * The file or folder of `init`.
 *
 * @param what what is expected there, for the error
 * @throws {DataError} when nothing is there, or the path scope forbids it
 */
export function findInit(init: string, scope: PathScope, what: string): Promise<FoundPath> {
  return firstFound("init", init, scope, what);
}

async function firstFound(
  field: PathField,
  written: string,
  scope: PathScope,
  what: string,
): Promise<FoundPath> {
  const places = await placesOf(field, written, scope);
  for (const { path, policy, other } of places) {
    const info = policy && !other && await stat(path);
    if (!info) continue;
    await policy.check(path);
    return { path, policy, folder: info.isDirectory };
  }
  const allowed = new Set(places.filter(({ policy }) => policy).map(({ path }) => path));
  const refused = places.find(({ path }) => !allowed.has(path));
  if (refused) throw outsideScope(field, refused.path, scope);
  const changed = places.findLast(({ other }) => other)?.path; // Where the run found them, absolute.
  if (changed !== undefined && await stat(changed)) {
    throw new DataError(
      `${field}: expected the files that the run began with, got others in ${visible(changed)}; ` +
        `restore them, or give ${
          shellWord(`${field}=${changed}`)
        } on the command line to use these`,
    );
  }
  const tried = [...new Set(places.map(({ path }) => visible(path)))];
  const [own] = scope.placesOf(field, written);
  const hint = tried.includes(visible(own!)) ? await nameBeside(own!) : "";
  const remedy = field === "init"
    ? "correct the path, which is relative to the recipe, or give init=PATH on the command line"
    : "correct data.root, give data.root=PATH on the command line, or set QTRAIN_DATA to the folder " +
      "of all data sets";
  throw new DataError(
    `${field}: expected ${what}, found nothing at ${tried.join(", nor at ")}${hint}; ${remedy}`,
  );
}

/** A name in the folder of a path that may have been meant, for a message; empty without one. */
async function nameBeside(path: string): Promise<string> {
  const name = basename(path), names: string[] = [];
  if (/(^|[/\\])~[/\\]|\$/.test(path)) return " (~ and $ stand for themselves here)";
  try {
    for await (const entry of Deno.readDir(dirname(path))) names.push(entry.name);
  } catch {
    return "";
  }
  const cut = names.find((other) => other.startsWith(`${name} #`));
  if (cut !== undefined) {
    return ` ("${visible(cut)}" is there: in a recipe, write it in quotes, as # begins a comment)`;
  }
  const meant = nearest(name, names.sort()) ?? names.find((other) => other.startsWith(`${name}.`));
  return meant === undefined ? "" : ` (did you mean ${visible(meant)}?)`;
}

/** Whether something is where the data of a recipe should be; it may be unreadable. */
export async function isDataThere(root: string, scope: PathScope): Promise<boolean> {
  for (const { path, other } of await placesOf("data.root", root, scope)) {
    if (!other && await stat(path) !== undefined) return true;
  }
  return false;
}

/** The first of `names` that is a file in `folder`, as a path. @throws {DataError} when none is */
export async function findFile(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path))?.isFile) return path;
  }
  const { archiveIn } = await import("./archive.ts");
  throw new DataError(
    `${folder}: expected one of the files ${names.join(", ")}, found none of them; ` +
      `put it there or correct data.root` + await archiveIn(folder),
  );
}
