/**
 * Reading paths: one that does not exist is an ordinary result, one that cannot be read a `DataError`.
 *
 * @module
 */
import { DataError, QtrainError } from "../../core/errors.ts";
import { fileError } from "../../core/files.ts";

/** Facts of the file or folder at `path`; `undefined` if there is none. @throws {DataError} when denied */
export async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw cannotRead(path, error);
  }
}

/** The error for a path that exists but cannot be read: a `SystemError` if the path is not to blame. */
export function cannotRead(path: string, error: unknown): QtrainError {
  const known = fileError(error, "read", path);
  if (known instanceof QtrainError) return known;
  return new DataError(`${path}: cannot read: ${error instanceof Error ? error.message : error}`);
}

/**
 * Refuses folders, pipes and devices: opening a pipe may wait for ever, and a device may have no end.
 *
 * @throws {DataError} when `path` exists and is not a file
 */
export async function checkIsFile(path: string): Promise<void> {
  if ((await stat(path))?.isFile === false) {
    throw new DataError(`${path}: expected a file, got a folder, a pipe or a device; correct it`);
  }
}

/** Lists of the files or the classes of a data set are far shorter. */
const MAX_TEXT = 2 ** 27;

/**
 * The lines of a text file of at most 128 MiB, without what Windows adds: a byte order mark, a carriage
 * return at the end of each line. UTF-16 is read where its mark says so; other text is UTF-8.
 *
 * @throws {DataError} when it cannot be read, is not a file, or is larger
 */
export async function readLines(path: string): Promise<string[]> {
  await checkIsFile(path);
  const size = (await stat(path))?.size ?? 0;
  if (size > MAX_TEXT) {
    throw new DataError(
      `${path}: expected a text of at most ${MAX_TEXT / 2 ** 20} MiB, got ${size} bytes; ` +
        `get the file again`,
    );
  }
  const bytes = await readFile(path), [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8";
  return new TextDecoder(encoding).decode(bytes).split(/\r\n|\n|\r/); // A decoder drops the mark.
}

/**
 * The bytes of a file.
 *
 * @throws {DataError} when it cannot be read or is not a file
 */
export async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  await checkIsFile(path);
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}
