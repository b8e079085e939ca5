/**
 * Truncates a log of JSON lines after a step, whatever a kill or a power cut has left at its end.
 *
 * @module
 */
import { fileError } from "../../core/files.ts";

/** Bytes to read at once, from the end: a log may be larger than the largest string. */
const BLOCK = 64 * 1024;
const NEWLINE = 10;

/**
 * Truncates a log after its last complete line of a step up to `step`; steps never decrease from line to
 * line. Does nothing when the file does not exist.
 *
 * @param step `Infinity` keeps every complete line
 */
export async function truncateLog(path: string, step: number): Promise<void> {
  try {
    using file = await Deno.open(path, { read: true, write: true });
    const { size } = await file.stat(), end = await endOf(file, size, step);
    if (end === size) return;
    await file.truncate(end);
    await file.sync();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw fileError(error, "write", path);
  }
}

/** Returns the offset after the newline of the last line to keep. */
async function endOf(file: Deno.FsFile, size: number, step: number): Promise<number> {
  // Bytes read so far, from offset `at` on: at most a block and the line that it has split.
  let tail = new Uint8Array(0), at = size;
  while (at > 0) {
    const begin = Math.max(0, at - BLOCK);
    tail = await joined(file, begin, at, tail);
    at = begin;
    // From the last line to the first complete one; the one before may begin in an earlier block.
    for (let end = tail.lastIndexOf(NEWLINE); end >= 0;) {
      const before = end === 0 ? -1 : tail.lastIndexOf(NEWLINE, end - 1);
      if (before < 0 && at > 0) {
        tail = tail.subarray(0, end + 1);
        break;
      }
      if (stepOf(tail.subarray(before + 1, end)) <= step) return at + end + 1;
      end = before;
    }
    if (!tail.includes(NEWLINE)) tail = new Uint8Array(0); // An incomplete line is never kept.
  }
  return 0;
}

/** Reads the bytes from `begin` to `end` of a file and appends `rest`. */
async function joined(
  file: Deno.FsFile,
  begin: number,
  end: number,
  rest: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin + rest.length);
  await file.seek(begin, Deno.SeekMode.Start);
  for (let at = 0; at < end - begin;) {
    const read = await file.read(bytes.subarray(at, end - begin));
    if (read === null) throw new Error("a log became shorter while it was read");
    at += read;
  }
  bytes.set(rest, end - begin);
  return bytes;
}

/** Returns the step of a log line; infinity when the line is incomplete or has none. */
function stepOf(line: Uint8Array): number {
  try {
    const step = JSON.parse(new TextDecoder().decode(line))?.step;
    return typeof step === "number" ? step : Infinity;
  } catch {
    return Infinity;
  }
}
