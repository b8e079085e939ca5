/**
 * Where NumPy arrays lie: the entries of an `.npz` file, or the `.npy` files of a folder.
 *
 * @module
 */
import { join } from "node:path";
import { readFile, unreadable } from "../paths/stat.ts";
import { ZipFile } from "./zip.ts";

/** Arrays by name, `.npy` left out. */
export interface ArrayFiles extends Disposable {
  /** The file or the folder. */
  readonly path: string;
  /** What there is, sorted. */
  readonly names: readonly string[];
  /** What messages about an array open with. */
  place(name: string): string;
  /** The bytes of the `.npy` file of that name. @throws {DataError} when they cannot be had */
  read(name: string): Promise<Uint8Array>;
}

const ENDING = ".npy";

/** Opens an `.npz` file. @throws {DataError} when it is no whole zip file */
export async function openNpzFile(path: string): Promise<ArrayFiles> {
  const zip = await ZipFile.open(path);
  return {
    path,
    names: stems(zip.names),
    place: (name) => `${path}: ${name}${ENDING}`,
    read: (name) => zip.read(name + ENDING),
    [Symbol.dispose]: () => zip[Symbol.dispose](),
  };
}

/** Opens a folder. @throws {DataError} when it cannot be read */
export async function openNpyFolder(path: string): Promise<ArrayFiles> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) names.push(name);
  } catch (error) {
    throw unreadable(path, error);
  }
  const place = (name: string) => join(path, name + ENDING);
  return {
    path,
    names: stems(names),
    place,
    read: (name) => readFile(place(name)),
    [Symbol.dispose]() {},
  };
}

function stems(names: readonly string[]): string[] {
  return names.filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length)).sort();
}
