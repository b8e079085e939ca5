/**
 * `data.json` in a run's folder: the files that the run began with, and where they were. Data are the
 * same when their contents are: a resumed run compares names, sizes and checksums, wherever the files
 * are now. It also lets a run's recipe lead out of its folder: who wrote the record knew these files.
 *
 * @module
 */
import { readTextIfThere } from "../../core/files.ts";
import { join, relative, resolve, sep } from "node:path";
import { isMap } from "../../core/json_value.ts";
import {
  checksumOfNames,
  type DataFiles,
  fingerprint,
  nameBelow,
  rewritten,
  sampledChecksum,
  WHOLE,
} from "./file_fingerprint.ts";

/** A file as a run began with it. */
interface RecordedFile {
  /** Its name below the root, with slashes; empty for the root itself. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since 1970. */
  readonly modified: number;
  /** CRC-32 of all of it, or of three blocks: {@linkcode sampledChecksum}. */
  readonly crc32: number;
}

/** Where a path of a recipe led. */
interface RecordedPlace {
  /** The path as the run's recipe has it. */
  readonly written: string;
  /** Where it led; absolute. */
  readonly path: string;
  /** The same, relative to the run's folder, with slashes: a project may move as a whole. */
  readonly relative: string;
}

/** The files of `data.root`, or the file of `init`. */
export interface RecordedFiles extends RecordedPlace {
  /** Number of files. */
  readonly count: number;
  /** Checksum of all names, in order. */
  readonly names: number;
  /** All files, or 500 of them. */
  readonly files: readonly RecordedFile[];
}

/** What a run began with, by the field of its recipe. */
export type DataManifest = Readonly<Partial<Record<"data.root" | "init", RecordedFiles>>>;

/** The file's name. */
export const MANIFEST_FILE = "data.json";

/** Far above what is ever written. */
const MAX_BYTES = 2 ** 22;

/** Reads the manifest of a run's folder; empty if it is missing or not a manifest. */
export async function readManifest(folder: string): Promise<DataManifest> {
  const path = join(folder, MANIFEST_FILE);
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile || size > MAX_BYTES) return {};
    const manifest: unknown = JSON.parse(await readTextIfThere(path) ?? "");
    if (!isMap(manifest)) return {};
    const { "data.root": data, init } = manifest;
    return {
      ...(isRecordedFiles(data) ? { "data.root": data } : {}),
      ...(isRecordedFiles(init) ? { init } : {}),
    };
  } catch {
    return {}; // The files that it would allow are then refused, with the remedy.
  }
}

/** The text of a manifest. */
export function formatManifest(manifest: DataManifest): string {
  return JSON.stringify(manifest, null, 1) + "\n";
}

/**
 * Records files.
 *
 * @param written the path in the run's recipe
 * @param folder the run's folder
 */
export async function recordFiles(
  written: string,
  folder: string,
  { root, paths, fingerprints }: DataFiles,
): Promise<RecordedFiles> {
  const files: RecordedFile[] = [];
  for (const file of fingerprints) {
    const { size, modified } = file;
    files.push({
      name: nameBelow(root, file.path),
      size,
      modified,
      crc32: await sampledChecksum(file),
    });
  }
  const names = checksumOfNames(paths.values().map((path) => nameBelow(root, path)));
  return {
    written,
    path: root,
    relative: relative(resolve(folder), root).replaceAll(sep, "/"),
    count: paths.length,
    names,
    files,
  };
}

/** How files differ from those of a record, a line each. */
interface Changes {
  /** Files that are gone, new, or of other contents. */
  readonly different: readonly string[];
  /** Files of the same size and samples, written again since: the rest of them may differ. */
  readonly rewritten: readonly string[];
}

/** Compares files with those that a run began with. @throws {DataError} when one cannot be read */
export async function changesSinceRecord(
  before: RecordedFiles,
  { root, paths }: DataFiles,
): Promise<Changes> {
  const there = new Map(paths.values().map((path) => [nameBelow(root, path), path]));
  const different: string[] = [], again: string[] = [];
  for (const old of before.files) {
    const path = there.get(old.name),
      now = path === undefined ? undefined : await fingerprint(path);
    const name = now?.path ?? join(root, old.name);
    if (!now) different.push(`${name} is gone`);
    else if (now.size !== old.size) {
      different.push(`${name} had ${old.size} bytes and has ${now.size}`);
    } else if (root !== before.path || now.modified !== old.modified) {
      const same = await sampledChecksum(now) === old.crc32;
      if (!same) different.push(`${name} has other contents`);
      else if (root === before.path && now.size > WHOLE) again.push(rewritten(name, old, now));
    }
  }
  if (before.files.length === before.count) {
    const known = new Set(before.files.map(({ name }) => name));
    for (const [name, path] of there) if (!known.has(name)) different.push(`${path} is new`);
  } else if (before.count !== paths.length) {
    different.push(`${root} had ${before.count} files and has ${paths.length}`);
  } else if (before.names !== checksumOfNames(there.keys()) && different.length === 0) {
    different.push(`${root} has files of other names`);
  }
  return { different, rewritten: again };
}

/** Whether a sample of files has one with the contents of a recorded file, whatever it is called. */
export async function sharesFiles(
  { files }: RecordedFiles,
  { fingerprints }: DataFiles,
): Promise<boolean> {
  const sizes = new Set(files.map(({ size }) => size));
  const contents = new Set(files.map(({ size, crc32 }) => `${size} ${crc32}`));
  for (const file of fingerprints) {
    if (!sizes.has(file.size)) continue;
    if (contents.has(`${file.size} ${await sampledChecksum(file)}`)) return true;
  }
  return false;
}

function isRecordedFiles(value: unknown): value is RecordedFiles {
  return isMap(value) && typeof value.written === "string" && typeof value.path === "string" &&
    typeof value.relative === "string" && typeof value.count === "number" &&
    typeof value.names === "number" && Array.isArray(value.files) &&
    value.files.every(isRecordedFile);
}

function isRecordedFile(value: unknown): value is RecordedFile {
  return isMap(value) && typeof value.name === "string" && typeof value.size === "number" &&
    typeof value.modified === "number" && typeof value.crc32 === "number";
}
