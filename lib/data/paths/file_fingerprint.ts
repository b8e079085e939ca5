/**
 * Which files a data set consists of, and whether they are still the same: by name, size and time while
 * a run lasts, by name, size and contents from one day, folder or machine to another.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { relative, sep } from "node:path";
import { cannotRead } from "./stat.ts";

/** The size and time of a file at some moment. */
export interface FileFingerprint {
  /** Absolute path. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since 1970; 0 if the system does not say. */
  readonly modified: number;
}

/** The files of a data set, as they were before they were read. */
export interface DataFiles {
  /** The file or folder that `data.root` led to; absolute. */
  readonly root: string;
  /** Absolute paths of all files. */
  readonly paths: readonly string[];
  /** At most 500 of them. Missing ones are left out: reading them reports that. */
  readonly fingerprints: readonly FileFingerprint[];
}

/** Of more files, this many are sampled, evenly spread: each costs some 10 µs. */
const MAX_FILES = 500;

/** Bytes of each block that a checksum samples. */
const BLOCK = 4096;
/** A file of at most this many bytes is read whole for its checksum. */
export const WHOLE = 3 * BLOCK;

/** The files of a data set: the fingerprints of at most 500. */
export async function dataFiles(root: string, paths: readonly string[]): Promise<DataFiles> {
  const fingerprints: FileFingerprint[] = [];
  for (const path of sample(paths, MAX_FILES)) {
    const file = await fingerprint(path);
    if (file) fingerprints.push(file);
  }
  return { root, paths, fingerprints };
}

/** At most so many items of a list, evenly spread, in their order. */
export function* sample<T>(list: readonly T[], most: number): Generator<T> {
  const step = Math.max(1, list.length / most);
  for (let at = 0; at < list.length; at += step) yield list[Math.floor(at)]!;
}

/** The fingerprint of a file; `undefined` if there is none. @throws {DataError} when access is denied */
export async function fingerprint(path: string): Promise<FileFingerprint | undefined> {
  try {
    const { size, mtime } = await Deno.stat(path);
    return { path, size, modified: mtime?.getTime() ?? 0 };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw cannotRead(path, error);
  }
}

/**
 * The name of a file below the root of its data, the same on every system: with slashes, in one of
 * Unicode's forms. Empty for the root itself.
 */
export function nameBelow(root: string, path: string): string {
  return relative(root, path).replaceAll(sep, "/").normalize("NFC");
}

/** A checksum of all names, in their order. */
export function checksumOfNames(names: Iterable<string>): number {
  let sum = 0;
  for (const name of names) sum = crc32(`${name}\n`, sum);
  return sum;
}

/**
 * A CRC-32 of the first, middle and last 4 KiB of a file, or of all of a file up to 12 KiB.
 *
 * @throws {DataError} when it cannot be read
 */
export async function sampledChecksum({ path, size }: FileFingerprint): Promise<number> {
  const starts = size <= WHOLE ? [0] : [0, Math.floor((size - BLOCK) / 2), size - BLOCK];
  const block = new Uint8Array(size <= WHOLE ? size : BLOCK);
  try {
    using file = await Deno.open(path);
    let sum = 0;
    for (const start of starts) {
      await file.seek(start, Deno.SeekMode.Start);
      let length = 0;
      while (length < block.length) {
        const read = await file.read(block.subarray(length));
        if (read === null) break;
        length += read;
      }
      sum = crc32(block.subarray(0, length), sum);
    }
    return sum;
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** How a file changed, in words; `undefined` if it did not. */
export function describeChange(
  before: FileFingerprint,
  now: FileFingerprint | undefined,
): string | undefined {
  const { path } = before;
  if (!now) return `${path} is gone`;
  if (now.size !== before.size) return `${path} had ${before.size} bytes and has ${now.size}`;
  return now.modified === before.modified ? undefined : rewritten(path, before, now);
}

/** That a file was written again, with its times. */
export function rewritten(
  path: string,
  before: { readonly modified: number },
  now: { readonly modified: number },
): string {
  const time = (file: { readonly modified: number }) => new Date(file.modified).toISOString();
  return `${path} was written again at ${time(now)} (before: ${time(before)})`;
}

/** How files changed, a line each; empty if none did. */
export async function changesSince(fingerprints: readonly FileFingerprint[]): Promise<string[]> {
  const changes: string[] = [];
  for (const file of fingerprints) {
    const change = describeChange(file, await fingerprint(file.path));
    if (change !== undefined) changes.push(change);
  }
  return changes;
}
