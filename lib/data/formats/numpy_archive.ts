/**
 * A collection of NumPy arrays: the entries of an `.npz` file, or the `.npy` files of a folder.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../../core/errors.ts";
import { shellWord } from "../../core/text.ts";
import { cannotRead, readFile } from "../paths/stat.ts";
import { ZipFile } from "./zip.ts";

/** Arrays by name, without `.npy`. */
export interface NumpyArchive extends Disposable {
  /** The file or the folder. */
  readonly path: string;
  /** Whether it is one `.npz` file. */
  readonly packed: boolean;
  /** Names of the arrays, sorted. */
  readonly names: readonly string[];
  /** The file of an array, as errors name it. */
  location(name: string): string;
  /** The bytes of the `.npy` file of that name. @throws {DataError} when it cannot be read */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

const ENDING = ".npy";

/** Opens an `.npz` file. @throws {DataError} when it is no whole zip file */
export async function openNpzFile(path: string): Promise<NumpyArchive> {
  const zip = await ZipFile.open(path);
  return {
    path,
    packed: true,
    names: stems(zip.names),
    location: (name) => `${path}: ${name}${ENDING}`,
    read: (name) => zip.read(name + ENDING),
    [Symbol.dispose]: () => zip[Symbol.dispose](),
  };
}

/**
 * Opens a folder of `.npy` files; where it has none, of `.npz` files with one array each, as KMNIST is
 * published.
 *
 * @throws {DataError} when it cannot be read
 */
export async function openNpyFolder(path: string): Promise<NumpyArchive> {
  const all: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) all.push(name);
  } catch (error) {
    throw cannotRead(path, error);
  }
  const arrays = stems(all), packed = arrays.length === 0;
  const location = (name: string) => join(path, name + (packed ? ".npz" : ENDING));
  return {
    path,
    packed: false,
    names: packed ? stems(all, ".npz") : arrays,
    location,
    read: (name) => packed ? readOnlyArray(location(name)) : readFile(location(name)),
    [Symbol.dispose]() {},
  };
}

async function readOnlyArray(path: string): Promise<Uint8Array<ArrayBuffer>> {
  using zip = await ZipFile.open(path);
  const names = stems(zip.names);
  if (names.length === 1) return await zip.read(names[0] + ENDING);
  throw new DataError(
    `${path}: byte 0: expected one array in each .npz file of a folder, got ${names.length}; give ` +
      `the file itself, as ${shellWord(`data.root=${path}`)}`,
  );
}

function stems(names: readonly string[], ending = ENDING): string[] {
  return names.filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length)).sort();
}
