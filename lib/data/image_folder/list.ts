/**
 * Lists a folder: class folders, and images below them. Names that begin with a dot are the system's
 * and ignored; names are sorted by code units, the same order on every system.
 *
 * @module
 */
import { extname, join, sep } from "node:path";
import { DataError } from "../../core/errors.ts";
import { cannotRead } from "../paths/stat.ts";
import type { PathPolicy } from "../paths/path_policy.ts";

const IMAGES = new Set([".jpg", ".jpeg", ".jpe", ".png"]);
/** Unsupported image extensions. */
const OTHER_IMAGES = new Set(
  [".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg"],
);

/** Number of files by unsupported image extension. */
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
 * @param skipped counts images with unsupported extensions
 * @param policy checks every folder and every link
 * @throws {DataError} when a folder cannot be read, or a link leads outside the path scope
 */
export async function imagesBelow(
  path: string,
  skipped: SkippedExtensions,
  policy: PathPolicy,
): Promise<string[]> {
  const found: string[] = [];
  await collect(path, found, skipped, new Set(), policy);
  return found.sort(byCodeUnits);
}

async function collect(
  path: string,
  into: string[],
  skipped: SkippedExtensions,
  seen: Set<string>,
  policy: PathPolicy,
): Promise<void> {
  await policy.check(path);
  // A link may lead back, to a folder that was walked or to one above it: no image counts twice, and
  // none of another class.
  const real = await Deno.realPath(path).catch((error) => {
    throw cannotRead(path, error);
  });
  const above = [...seen].some((folder) => folder.startsWith(real + sep));
  if (above || seen.has(real)) return;
  seen.add(real);
  for await (const { name, folder, link } of entries(path)) {
    if (folder) {
      await collect(join(path, name), into, skipped, seen, policy);
      continue;
    }
    const extension = extname(name).toLowerCase();
    if (IMAGES.has(extension)) {
      if (link) await policy.check(join(path, name));
      into.push(join(path, name));
    } else if (OTHER_IMAGES.has(extension)) {
      skipped.set(extension, (skipped.get(extension) ?? 0) + 1);
    }
  }
}

interface Entry {
  readonly name: string;
  readonly folder: boolean;
  /** Whether it is a link. */
  readonly link: boolean;
}

/** Folders and files, also linked ones; no pipes, no devices. */
async function* entries(path: string): AsyncGenerator<Entry> {
  try {
    for await (const { name, isFile, isDirectory, isSymlink } of Deno.readDir(path)) {
      if (name.startsWith(".") || name === "__MACOSX") continue;
      // A broken link counts as a file: reading it reports that it cannot be read.
      const there = isSymlink
        ? await Deno.stat(join(path, name)).catch(() => ({ isFile: true, isDirectory: false }))
        : { isFile, isDirectory };
      if (there.isFile || there.isDirectory) {
        yield { name, folder: there.isDirectory, link: isSymlink };
      }
    }
  } catch (error) {
    // Also an error of the caller, thrown into this generator.
    throw error instanceof DataError ? error : cannotRead(path, error);
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
