/**
 * Reads and writes files atomically and durably. A file is written as `NAME.part`, flushed to the
 * disk and renamed, and its folder is flushed: no reader, kill or power cut leaves half a file, and
 * what was reported as written stays written. Failures that a person can fix become errors with the
 * path and the remedy, as do failures of the system; any other error passes through unchanged.
 *
 * Two processes must not write the same path at once.
 *
 * @module
 */

import { constants } from "node:os";
import { DataError, type QtrainError, SystemError, UsageError } from "./errors.ts";

/**
 * Returns the error to throw for `error`, which occurred while reading or writing `path`. What a person
 * can correct is a {@linkcode DataError} (read) or {@linkcode UsageError} (write); what the system
 * failed at, such as a full disk, a {@linkcode SystemError}. Any other error is returned as it is.
 */
export function fileError(error: unknown, doing: "read" | "write", path: string): unknown {
  const reason = mistake(error, doing);
  if (reason === undefined) return systemFailure(error, doing, path);
  const message = `${path}: cannot ${doing}: ${reason}`;
  const friendly: QtrainError = doing === "read" ? new DataError(message) : new UsageError(message);
  friendly.cause = error;
  return friendly;
}

/** What is wrong with a path and what to do; `undefined` if the path is not to blame. */
function mistake(error: unknown, doing: "read" | "write"): string | undefined {
  if (error instanceof Deno.errors.NotCapable) {
    // Devices such as /dev/stdout need more than the permission to write.
    const flag = error.message.includes("all access") ? "all" : doing;
    return `Deno has no permission; run it with --allow-${flag}`;
  }
  const elsewhere = doing === "write" ? "or choose another place" : "or give another path";
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
      return `permission denied; change its permissions ${elsewhere}`;
    case "EROFS":
      return "the file system is read-only; choose another place";
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
    case "ELOOP":
      return `links lead round in a circle; correct them ${elsewhere}`;
    case "EINVAL":
      // Deno's own check of a path, not the system's of a call.
      return error instanceof TypeError ? "no path holds a NUL character; correct it" : undefined;
  }
  return undefined;
}

/** What the system fails at, whatever was asked of it, by its code: why, and what to do. */
const FAILURES: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the disk; free some or choose another place",
  EDQUOT: "no space left in your quota of the disk; free some or choose another place",
  EFBIG: "the file is too large for this file system or for ulimit -f; choose another place",
  EIO: "the disk or the connection to it failed (input/output error); check it",
  EMFILE: "too many files are open; allow more (ulimit -n 4096)",
  ENFILE: "too many files are open on this machine; close other programs",
  ENOMEM: "not enough memory; close other programs",
  ESTALE: "the server no longer knows the file (stale file handle); mount its file system again",
  ETIMEDOUT: "the server of the file system does not answer; check the connection",
  EHOSTDOWN: "the server of the file system does not answer; check the connection",
  ENOTCONN: "the file system is no longer connected; mount it again",
  EBUSY: "another program is using it; close that program",
  ETXTBSY: "another program is using it; close that program",
};

/**
 * Returns a {@linkcode SystemError} if the system refused what was asked, a {@linkcode UsageError} if
 * Deno did, else `error` as it is.
 *
 * @param doing what was tried, and of what: known where the error was expected
 */
export function systemFailure(error: unknown, doing?: "read" | "write", path?: string): unknown {
  if (error instanceof Deno.errors.NotCapable) return new UsageError(error.message);
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) return error;
  const reason = FAILURES[code] ?? error.message;
  // Deno ends its message with the path: "No such file or directory (os error 2): open '/x'".
  const [, call = ""] = /\(os error \d+\): (.+)$/s.exec(error.message) ?? [];
  const place = doing ? `${path}: cannot ${doing}: ` : "the system refused: ";
  const rest = !doing && code in FAILURES && call !== "" ? ` (${call})` : "";
  return new SystemError(place + reason + rest, { cause: error });
}

/** The system's code of an error, such as `ENOSPC`; `undefined` if the system did not refuse. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  // Deno 2.9 names some codes by their number alone: File too large (os error 27).
  const [, number] = /\(os error (\d+)\)/.exec(error.message) ?? [];
  if (number === undefined) return undefined;
  const names = Deno.build.os === "windows" ? {} : constants.errno;
  return Object.entries(names).find(([, n]) => n === Number(number))?.[0] ?? `E${number}`;
}

/**
 * Writes a whole file as `NAME.part`, flushes and renames it. On failure the old file is unchanged
 * and no `.part` is left.
 *
 * @param named the path in messages, if the file will have another name
 * @throws {UsageError} when the path cannot be written, {SystemError} when the disk is full or fails
 */
export async function writeAtomic(
  path: string,
  content: Uint8Array | string,
  named = path,
): Promise<void> {
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
    throw fileError(error, "write", named);
  }
  // Windows needs the file closed, as it is here, before a rename.
  try {
    await Deno.rename(part, target);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw fileError(error, "write", named);
  }
  await syncFolder(folderOf(target));
}

/**
 * Appends to a file, which is created if it does not exist, and flushes it to the disk. A kill may leave
 * a part of the content at the end, but never changes what was there.
 *
 * @throws {UsageError} when the path cannot be written, {SystemError} when the disk is full or fails
 */
export async function appendDurably(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
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
 * Appends to a file, which is created if it does not exist, without waiting for the disk. If that fails,
 * as on a full disk, the file stays as it was.
 *
 * @returns whether the content was written
 */
export async function appendSoon(path: string, content: Uint8Array | string): Promise<boolean> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    using file = await Deno.open(path, { append: true, create: true });
    const { size } = await file.stat();
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    } catch {
      await file.truncate(size);
      return false;
    }
    if (size === 0) await syncFolder(folderOf(path));
    return true;
  } catch {
    return false;
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
 * Returns the text of a file without a byte order mark, or `undefined` if it does not exist.
 *
 * @throws {DataError} when the file exists but cannot be read
 */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await Deno.readFile(path));
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

/** Creates a folder and its parents, if they do not exist. @throws {UsageError} {SystemError} when it cannot */
export async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw fileError(error, "write", path);
  }
}
