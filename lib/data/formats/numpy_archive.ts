/**
 * A collection of NumPy arrays: the entries of an `.npz` file, or the `.npy` files of a folder.
 *
 * @module
 */
import { join } from "node:path";
import { cannotRead, readFile } from "../paths/stat.ts";
import { ZipFile } from "./zip.ts";

/** Arrays by name, without `.npy`. */
export interface NumpyArchive extends Disposable {
  /** The file or the folder. */
  readonly path: string;
  /** Whether it is an `.npz` file. */
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

/** Opens a folder. @throws {DataError} when it cannot be read */
export async function openNpyFolder(path: string): Promise<NumpyArchive> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) names.push(name);
  } catch (error) {
    throw cannotRead(path, error);
  }
  const location = (name: string) => join(path, name + ENDING);
  return {
    path,
    packed: false,
    names: stems(names),
    location,
    read: (name) => readFile(location(name)),
    [Symbol.dispose]() {},
  };
}

function stems(names: readonly string[]): string[] {
  return names.filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length)).sort();
}
