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
import { type Fence, PATH_SCOPE } from "../../recipe/path_scope.ts";
import { unreadable } from "./stat.ts";
import { readNote } from "./data_manifest.ts";
import { changeOf, changesSince, type FileStamp, stampFiles, stampOf } from "./file_fingerprint.ts";

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
  admit(paths: readonly string[]): Promise<readonly FileStamp[]>;
}

/** A part of a recipe that may carry a fence. */
export interface PathScoped {
  /** Absent: a program made it. */
  readonly [PATH_SCOPE]?: Fence;
}

/** Everything may be read. */
export const UNRESTRICTED: Guard = { check: () => Promise.resolve(), admit: stampFiles };

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
 * The guard of a path that a recipe names; undefined where it may not be looked at.
 *
 * @param field of the recipe
 */
export async function guardOf(
  field: "data.root" | "init",
  path: string,
  { [PATH_SCOPE]: fence }: PathScoped,
): Promise<Guard | undefined> {
  if (!fence || !(field === "init" ? fence.init : fence.data)) return UNRESTRICTED;
  const shared = sharedData();
  if (shared !== undefined && isBelow(resolve(path), resolve(shared))) return UNRESTRICTED;
  if (isBelow(resolve(path), resolve(fence.folder))) return inside(field, path, fence.folder);
  const note = await readNote(fence.folder);
  if (field === "init") {
    const { init } = note ?? {};
    const same = init?.path === path && changeOf(init, await stampOf(path)) === undefined;
    return same ? UNRESTRICTED : undefined;
  }
  return note?.root === path && note.files.length > 0 ? noted(path, note.files) : undefined;
}

/**
 * What to say where {@linkcode guardOf} has no guard.
 *
 * @param what is expected there
 */
export function refusal(
  field: "data.root" | "init",
  what: string,
  path: string,
  { [PATH_SCOPE]: fence }: PathScoped,
): DataError {
  return new DataError(
    `${field}: expected ${what}, found nothing at ${path} that a recipe's file may name: it leads to ` +
      `its own folder (${
        resolve(fence?.folder ?? ".")
      }) and to QTRAIN_DATA alone; if this is meant, ` +
      `name it on the command line, ${field}=${path}`,
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
function noted(root: string, before: readonly FileStamp[]): Guard {
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
