/**
 * Sizes and times of the files of a data set, to notice that they changed.
 *
 * @module
 */
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

/** Of more files, this many are sampled, evenly spread: each costs some 10 µs. */
const MAX_FILES = 500;

/** At most 500 of the files, in their order. */
export function sampleFiles<T>(files: readonly T[]): readonly T[] {
  const step = Math.max(1, files.length / MAX_FILES);
  return files.length <= MAX_FILES
    ? files
    : Array.from({ length: MAX_FILES }, (_, i) => files[Math.floor(i * step)]!);
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

/** The fingerprints of at most 500 files. Missing files are left out: reading them reports that. */
export async function fingerprintFiles(
  paths: readonly string[],
): Promise<readonly FileFingerprint[]> {
  const fingerprints: FileFingerprint[] = [];
  for (const path of sampleFiles(paths)) {
    const file = await fingerprint(path);
    if (file) fingerprints.push(file);
  }
  return fingerprints;
}

/** How a file changed, in words; `undefined` if it did not. */
export function describeChange(
  before: FileFingerprint,
  now: FileFingerprint | undefined,
): string | undefined {
  const { path } = before;
  if (!now) return `${path} is gone`;
  if (now.size !== before.size) return `${path} had ${before.size} bytes and has ${now.size}`;
  if (now.modified === before.modified) return undefined;
  const time = (file: FileFingerprint) => new Date(file.modified).toISOString();
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
