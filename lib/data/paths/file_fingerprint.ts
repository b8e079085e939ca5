/**
 * Sizes and times of the files of a data set, to notice that they are others than before.
 *
 * @module
 */
import { unreadable } from "./stat.ts";

/** A file as it was at some time. */
export interface FileFingerprint {
  /** Absolute path. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since 1970; 0 where the system does not say. */
  readonly modified: number;
}

/** Of more files, so many are looked at, evenly spread: a look at one costs some 10 µs. */
const MAX_FILES = 500;

/** The files themselves, or some of them, in their order. */
export function someOf<T>(files: readonly T[]): readonly T[] {
  const step = Math.max(1, files.length / MAX_FILES);
  return files.length <= MAX_FILES
    ? files
    : Array.from({ length: MAX_FILES }, (_, i) => files[Math.floor(i * step)]!);
}

/** How a file is now; undefined where there is none. @throws {DataError} when it cannot be looked at */
export async function stampOf(path: string): Promise<FileFingerprint | undefined> {
  try {
    const { size, mtime } = await Deno.stat(path);
    return { path, size, modified: mtime?.getTime() ?? 0 };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw unreadable(path, error);
  }
}

/** How files are now; those that are not there are left out: whoever reads them says so. */
export async function stampFiles(paths: readonly string[]): Promise<readonly FileFingerprint[]> {
  const stamps: FileFingerprint[] = [];
  for (const path of someOf(paths)) {
    const stamp = await stampOf(path);
    if (stamp) stamps.push(stamp);
  }
  return stamps;
}

/** What has become of a file, in words; undefined where it is as it was. */
export function changeOf(
  before: FileFingerprint,
  now: FileFingerprint | undefined,
): string | undefined {
  const { path } = before;
  if (!now) return `${path} is gone`;
  if (now.size !== before.size) return `${path} had ${before.size} bytes and has ${now.size}`;
  if (now.modified === before.modified) return undefined;
  const time = (stamp: FileFingerprint) => new Date(stamp.modified).toISOString();
  return `${path} was written again at ${time(now)} (before: ${time(before)})`;
}

/** What has become of files, a line each; none where all are as they were. */
export async function changesSince(stamps: readonly FileFingerprint[]): Promise<string[]> {
  const changes: string[] = [];
  for (const stamp of stamps) {
    const change = changeOf(stamp, await stampOf(stamp.path));
    if (change !== undefined) changes.push(change);
  }
  return changes;
}
