/**
 * Looking at paths. What is not there is an ordinary answer; what may not be read is a `DataError`.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";

/** What lies at `path`, or undefined. @throws {DataError} when it may not be looked at */
export async function look(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw unreadable(path, error);
  }
}

/** The error for a path that is there but cannot be read. */
export function unreadable(path: string, error: unknown): DataError {
  const why = error instanceof Deno.errors.NotCapable
    ? "Deno was not allowed to; run it with --allow-read"
    : `the system says: ${error instanceof Error ? error.message : error}; check its permissions`;
  return new DataError(
    `${path}: expected something readable, found that it cannot be read (${why})`,
  );
}

/**
 * Opening a pipe may wait for ever, and a device may have no end.
 *
 * @throws {DataError} unless there is a file, or nothing
 */
export async function expectFile(path: string): Promise<void> {
  if ((await look(path))?.isFile === false) {
    throw new DataError(`${path}: expected a file, found a folder, a pipe or a device; correct it`);
  }
}

/** A list of the files or the classes of a data set is far below this. */
const MAX_TEXT = 2 ** 27;

/**
 * The text of a file of at most 128 MiB.
 *
 * @throws {DataError} when it cannot be read, is none, or is larger
 */
export async function readText(path: string): Promise<string> {
  await expectFile(path);
  const size = (await look(path))?.size ?? 0;
  if (size > MAX_TEXT) {
    throw new DataError(
      `${path}: expected a text of at most ${MAX_TEXT / 2 ** 20} MiB, found ${size} bytes; ` +
        `get the file again`,
    );
  }
  return await Deno.readTextFile(path).catch((error) => {
    throw unreadable(path, error);
  });
}

/**
 * The bytes of a file.
 *
 * @throws {DataError} when it cannot be read, or is none
 */
export async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  await expectFile(path);
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}
