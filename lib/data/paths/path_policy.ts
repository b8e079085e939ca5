/**
 * Keeps the paths of a recipe's file inside: what it names, links included, must really lie in its own
 * folder. Free are what lies in `QTRAIN_DATA` (also by links, which are the user's own) and what the
 * command line or a program names. A run's own recipe has absolute paths; they are held against what
 * the run noted of its files (`note.ts`), so that another's cannot be named by it.
 *
 * @module
 */
import { join, relative, resolve, sep } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { PathField, PathScope } from "../../recipe/path_scope.ts";
import { unreadable } from "./stat.ts";
import { readNote } from "./data_manifest.ts";
import {
  changeOf,
  changesSince,
  type FileFingerprint,
  stampFiles,
  stampOf,
} from "./file_fingerprint.ts";

/** What may be read of a data set. */
export interface Guard {
  /** @throws {DataError} when a path leads, by a link, to where it may not */
  check(path: string): Promise<void>;
  /**
   * Checks the files of a data set before they are read.
   *
   * @returns how they are, or 500 of them
   * @throws {DataError} when one leads to where it may not, or is not what a run noted
   */
  admit(paths: readonly string[]): Promise<readonly FileFingerprint[]>;
}

/** Everything may be read. */
export const READ_ANYTHING: Guard = { check: () => Promise.resolve(), admit: stampFiles };

/** Whether a path is a folder or below it, by its text. */
export function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && resolve(way) !== way);
}

/** `QTRAIN_DATA`; undefined when it is not set, empty, or not allowed to be read. */
export function sharedData(): string | undefined {
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
export async function guardOf(
  field: PathField,
  path: string,
  scope: PathScope,
): Promise<Guard | undefined> {
  const folder = scope.folderOf(field);
  if (folder === undefined) return READ_ANYTHING;
  const shared = sharedData();
  if (shared !== undefined && isBelow(resolve(path), resolve(shared))) return READ_ANYTHING;
  if (isBelow(resolve(path), resolve(folder))) return inside(field, path, folder);
  const note = await readNote(folder);
  if (field === "init") {
    const { init } = note ?? {};
    const same = init?.path === path && changeOf(init, await stampOf(path)) === undefined;
    return same ? READ_ANYTHING : undefined;
  }
  return note?.root === path && note.files.length > 0 ? noted(path, note.files) : undefined;
}

/** The error for a path that {@linkcode guardOf} has no policy for. */
export function outsideScope(field: PathField, path: string, scope: PathScope): DataError {
  return new DataError(
    `${field}: cannot read ${path}: it is outside the recipe's folder (${
      scope.folderOf(field)
    }) and QTRAIN_DATA. To allow it, give ${field}=${path} on the command line, ` +
      `or pathScope: UNRESTRICTED in a program`,
  );
}

function inside(field: string, root: string, folder: string): Guard {
  let real: Promise<string | undefined> | undefined;
  const check = async (path: string) => {
    const allowed = await (real ??= realPath(resolve(folder))) ?? resolve(folder);
    const target = await realPath(path);
    if (target === undefined || isBelow(target, allowed)) return;
    throw new DataError(
      `${path}: expected a file or folder in the recipe's folder (${allowed}), found a link to ` +
        `${target}; a recipe's file leads nowhere else: if this is meant, name the data on the ` +
        `command line, ${field}=${root}`,
    );
  };
  return {
    check,
    async admit(paths) {
      for (const path of paths) await check(path);
      return await stampFiles(paths);
    },
  };
}

/** Exactly the files that a run noted. */
function noted(root: string, before: readonly FileFingerprint[]): Guard {
  return {
    check: () => Promise.resolve(),
    async admit(paths) {
      const now = await stampFiles(paths), [change] = await changesSince(before);
      if (change === undefined && now.length === before.length) {
        const known = new Set(before.map(({ path }) => path));
        if (now.every(({ path }) => known.has(path))) return now;
      }
      throw new DataError(
        `data.root: expected the files in ${root} that the run began with, found that ` +
          `${change ?? "there are others"}; if they are meant, name them on the command line, ` +
          `data.root=${root}`,
      );
    },
  };
}

/** Where a path really is; undefined where nothing is there. */
async function realPath(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw unreadable(path, error);
  }
}

/** `root` in `QTRAIN_DATA`. */
export function inShared(name: string): string | undefined {
  const shared = sharedData();
  return shared === undefined ? undefined : join(shared, name);
}
