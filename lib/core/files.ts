/**
 * Reads and writes files atomically and durably. A file is written as `NAME.part`, flushed to the
 * disk and renamed, and its folder is flushed: no reader, kill or power cut leaves half a file, and
 * what was reported as written stays written. Failures that a person can fix become errors with the
 * path and the remedy; any other error passes through unchanged.
 *
 * Two processes must not write the same path at once.
 *
 * @module
 */

import { DataError, type QtrainError, UsageError } from "./errors.ts";

/**
 * Returns the error to throw for `error`, which occurred while reading or writing `path`: a
 * {@linkcode DataError} (read) or {@linkcode UsageError} (write) if a person can fix it, else `error`.
 */
export function fileError(error: unknown, doing: "read" | "write", path: string): unknown {
  const reason = explain(error, doing);
  if (reason === undefined) return error;
  const message = `${path}: cannot ${doing}: ${reason}`;
  const friendly: QtrainError = doing === "read" ? new DataError(message) : new UsageError(message);
  friendly.cause = error;
  return friendly;
}

function explain(error: unknown, doing: "read" | "write"): string | undefined {
  if (error instanceof Deno.errors.NotCapable) {
    // Devices such as /dev/stdout need more than the permission to write.
    const flag = error.message.includes("all access") ? "all" : doing;
    return `Deno has no permission; run it with --allow-${flag}`;
  }
  if (!(error instanceof Error)) return undefined;
  const elsewhere = doing === "write" ? "or choose another place" : "or give another path";
  switch ((error as { code?: string }).code) {
    case "EACCES":
    case "EPERM":
      return `permission denied; change its permissions ${elsewhere}`;
    case "EROFS":
      return "the file system is read-only; choose another place";
    case "ENOSPC":
    case "EDQUOT":
      return "no space left on the disk; free some or choose another place";
    case "ENOENT":
      return doing === "read"
        ? "no such file; check the path"
        : "the folder does not exist; create it or choose another place";
    case "ENOTDIR":
    case "EEXIST":
      return "a part of the path is a file, not a folder; choose another place";
    case "EISDIR":
    case "ENOTEMPTY":
      return "it is a folder; give the path of a file";
    case "ENAMETOOLONG":
      return "the name is too long for this file system; choose a shorter one";
  }
  return undefined;
}

/**
 * Writes a whole file as `NAME.part`, flushes and renames it. On failure the old file is unchanged
 * and no `.part` is left.
 *
 * @throws {UsageError} when the path cannot be written
 */
export async function writeAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  // A link stays: the file that it points to is replaced.
  const target = await Deno.realPath(path).catch(() => path);
  const part = `${target}.part`;
  try {
    const there = await Deno.stat(target).catch(() => undefined);
    if (there && !there.isFile && !there.isDirectory) {
      // A pipe or a device, such as /dev/stdout: renaming over it would replace the device.
      await Deno.writeFile(target, bytes);
      return;
    }
    using file = await Deno.open(part, { write: true, create: true, truncate: true });
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw fileError(error, "write", path);
  }
  // Windows needs the file closed, as it is here, before a rename.
  try {
    await Deno.rename(part, target);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw fileError(error, "write", path);
  }
  await syncFolder(folderOf(target));
}

/**
 * Appends text to a file, which is created if it does not exist, and flushes it to the disk. A kill
 * may leave a part of the text at the end, but never changes what was there.
 *
 * @throws {UsageError} when the path cannot be written
 */
export async function appendDurably(path: string, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    using file = await Deno.open(path, { append: true, create: true });
    const first = (await file.stat()).size === 0;
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.syncData();
    if (first) await syncFolder(folderOf(path));
  } catch (error) {
    throw fileError(error, "write", path);
  }
}

/**
 * Flushes the names in a folder to the disk, so that a power cut does not undo a rename. Windows and
 * some network file systems cannot open folders; they flush when they choose.
 */
async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  } catch {
    // The file itself is whole and flushed: no reason to end a run.
  }
}

/** Returns the folder of a path. */
function folderOf(path: string): string {
  const at = Math.max(
    path.lastIndexOf("/"),
    Deno.build.os === "windows" ? path.lastIndexOf("\\") : -1,
  );
  return at < 0 ? "." : path.slice(0, at + 1);
}

/**
 * Returns the text of a file, or `undefined` if it does not exist.
 *
 * @throws {DataError} when the file exists but cannot be read
 */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fileError(error, "read", path);
  }
}

/**
 * Returns the bytes of a file.
 *
 * @throws {DataError} when the file does not exist or cannot be read
 */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw fileError(error, "read", path);
  }
}

/** Creates a folder and its parents, if they do not exist. @throws {UsageError} when it cannot */
export async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw fileError(error, "write", path);
  }
}
