/**
 * What lies in a folder: class folders, and images below them. Names that begin with a dot are the
 * system's and count for nothing; order is that of the names' code units, on every system the same.
 *
 * @module
 */
import { extname, join, sep } from "node:path";
import { DataError } from "../../core/errors.ts";
import { unreadable } from "../paths/stat.ts";
import type { Guard } from "../paths/path_policy.ts";

const IMAGES = new Set([".jpg", ".jpeg", ".jpe", ".png"]);
/** Of images that nobody reads here. */
const OTHER_IMAGES = new Set(
  [".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg"],
);

/** How many files end in what, of kinds that are not read. */
export type SkippedExtensions = Map<string, number>;

/** The names of the folders in `path`, sorted. @throws {DataError} when it cannot be read */
export async function foldersIn(path: string): Promise<string[]> {
  const names = [];
  for await (const { name, folder } of entries(path)) if (folder) names.push(name);
  return names.sort(byCodeUnits);
}

/**
 * The paths of all images below `path`, sorted.
 *
 * @param leftOut counts images of other kinds
 * @param guard hears of every folder and every link
 * @throws {DataError} when a folder cannot be read, or a link leads to where it may not
 */
export async function imagesBelow(
  path: string,
  leftOut: SkippedExtensions,
  guard: Guard,
): Promise<string[]> {
  const found: string[] = [];
  await collect(path, found, leftOut, new Set(), guard);
  return found.sort(byCodeUnits);
}

async function collect(
  path: string,
  into: string[],
  leftOut: SkippedExtensions,
  seen: Set<string>,
  guard: Guard,
): Promise<void> {
  await guard.check(path);
  // A link may lead back, to a folder that was walked or to one above it: no image counts twice, and
  // none of another class.
  const real = await Deno.realPath(path).catch((error) => {
    throw unreadable(path, error);
  });
  const above = [...seen].some((folder) => folder.startsWith(real + sep));
  if (above || seen.has(real)) return;
  seen.add(real);
  for await (const { name, folder, link } of entries(path)) {
    if (folder) {
      await collect(join(path, name), into, leftOut, seen, guard);
      continue;
    }
    const ending = extname(name).toLowerCase();
    if (IMAGES.has(ending)) {
      if (link) await guard.check(join(path, name));
      into.push(join(path, name));
    } else if (OTHER_IMAGES.has(ending)) leftOut.set(ending, (leftOut.get(ending) ?? 0) + 1);
  }
}

interface Entry {
  readonly name: string;
  readonly folder: boolean;
  /** Whether a link leads there. */
  readonly link: boolean;
}

/** Folders and files, also by links; no pipes, no devices. */
async function* entries(path: string): AsyncGenerator<Entry> {
  try {
    for await (const { name, isFile, isDirectory, isSymlink } of Deno.readDir(path)) {
      if (name.startsWith(".") || name === "__MACOSX") continue;
      // A link that leads nowhere is a file that cannot be read: that is found when it is wanted.
      const there = isSymlink
        ? await Deno.stat(join(path, name)).catch(() => ({ isFile: true, isDirectory: false }))
        : { isFile, isDirectory };
      if (there.isFile || there.isDirectory) {
        yield { name, folder: there.isDirectory, link: isSymlink };
      }
    }
  } catch (error) {
    // Of whoever is asked for entries, too.
    throw error instanceof DataError ? error : unreadable(path, error);
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
