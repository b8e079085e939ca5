/**
 * Which files a recipe may read. Paths within its scope must really be in its folder, links included.
 * Anything in `QTRAIN_DATA` may be read (links there are the user's own), and any path given on the
 * command line. A run's own recipe has absolute paths; they may lead to the files that the manifest of
 * the run lists, unchanged, and to no others.
 *
 * @module
 */
import { join, relative, resolve, sep } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { PathField, PathScope } from "../../recipe/path_scope.ts";
import { cannotRead } from "./stat.ts";
import { readManifest } from "./data_manifest.ts";
import {
  changesSince,
  describeChange,
  type FileFingerprint,
  fingerprint,
  fingerprintFiles,
} from "./file_fingerprint.ts";

/** Checks paths before they are read. */
export interface PathPolicy {
  /**
   * Checks a path before it is read.
   *
   * @param real the path without links, where it is known
   * @throws {DataError} when it is a link that leads outside the scope
   */
  check(path: string, real?: string): Promise<void>;
  /**
   * Checks the files of a data set before they are read.
   *
   * @returns fingerprints of at most 500 of them
   * @throws {DataError} when one leads outside the scope, or differs from the manifest of its run
   */
  checkFiles(paths: readonly string[]): Promise<readonly FileFingerprint[]>;
}

/** Everything may be read. */
export const READ_ANYTHING: PathPolicy = {
  check: () => Promise.resolve(),
  checkFiles: fingerprintFiles,
};

/** Whether a path is a folder or below it, by its text. */
function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && resolve(way) !== way);
}

/** `QTRAIN_DATA`; undefined when it is not set, empty, or not allowed to be read. */
function qtrainData(): string | undefined {
  try {
    return Deno.env.get("QTRAIN_DATA") || undefined;
  } catch {
    return undefined;
  }
}

/**
 * The policy of a path in a recipe; `undefined` if nothing at the path may be read.
 *
 * @param field of the recipe
 */
export async function pathPolicy(
  field: PathField,
  path: string,
  scope: PathScope,
): Promise<PathPolicy | undefined> {
  const folder = scope.folderOf(field);
  if (folder === undefined) return READ_ANYTHING;
  const shared = qtrainData();
  if (shared !== undefined && isBelow(resolve(path), resolve(shared))) return READ_ANYTHING;
  if (isBelow(resolve(path), resolve(folder))) return inside(field, path, folder);
  const manifest = await readManifest(folder);
  if (field === "init") {
    const { init } = manifest ?? {};
    const same = init?.path === path && describeChange(init, await fingerprint(path)) === undefined;
    return same ? READ_ANYTHING : undefined;
  }
  return manifest?.root === path && manifest.files.length > 0
    ? listedFiles(path, manifest.files)
    : undefined;
}

/** The error for a path that {@linkcode pathPolicy} has no policy for. */
export function outsideScope(field: PathField, path: string, scope: PathScope): DataError {
  return new DataError(
    `${field}: cannot read ${path}: it is outside the recipe's folder (${
      scope.folderOf(field)
    }) and QTRAIN_DATA. To allow it, give ${field}=${path} on the command line, ` +
      `or pathScope: UNRESTRICTED in a program`,
  );
}

function inside(field: string, root: string, folder: string): PathPolicy {
  let real: Promise<string | undefined> | undefined;
  const check = async (path: string, known?: string) => {
    const allowed = await (real ??= realPath(resolve(folder))) ?? resolve(folder);
    const target = known ?? await realPath(path);
    if (target === undefined || isBelow(target, allowed)) return;
    throw new DataError(
      `cannot read ${path}: it is a link to ${target}, outside the recipe's folder (${allowed}). ` +
        `To allow it, give ${field}=${root} on the command line`,
    );
  };
  return {
    check,
    async checkFiles(paths) {
      for (const path of paths) await check(path);
      return await fingerprintFiles(paths);
    },
  };
}

/** Allows exactly the files that the manifest of a run lists. */
function listedFiles(root: string, before: readonly FileFingerprint[]): PathPolicy {
  return {
    check: () => Promise.resolve(),
    async checkFiles(paths) {
      const now = await fingerprintFiles(paths), [change] = await changesSince(before);
      if (change === undefined && now.length === before.length) {
        const known = new Set(before.map(({ path }) => path));
        if (now.every(({ path }) => known.has(path))) return now;
      }
      throw new DataError(
        `data.root: the files in ${root} changed since the run began: ` +
          `${change ?? "other files are there"}. To use them as they are, give data.root=${root} ` +
          `on the command line`,
      );
    },
  };
}

/** A path without links; `undefined` if nothing is there. */
async function realPath(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw cannotRead(path, error);
  }
}

/** `root` in `QTRAIN_DATA`. */
export function inQtrainData(name: string): string | undefined {
  const shared = qtrainData();
  return shared === undefined ? undefined : join(shared, name);
}
