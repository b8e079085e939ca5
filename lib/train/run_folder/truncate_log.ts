/**
 * Takes a log of JSON lines back to a step, whatever a kill or a power cut left at its end.
 *
 * @module
 */
import { fileError } from "../../core/files.ts";

/** Bytes that are read at once, from the end: a log may be larger than a string can be. */
const BLOCK = 64 * 1024;
const NEWLINE = 10;

/**
 * Cuts a file behind its last whole line of a step up to and including `step`; steps never fall from
 * line to line. Where there is no file, there is nothing to cut.
 *
 * @param step infinite keeps every whole line
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

/** Where the last line to be kept ends, behind its newline. */
async function endOf(file: Deno.FsFile, size: number, step: number): Promise<number> {
  // What is read so far and begins at `at`: at most a block and the line that it broke.
  let tail = new Uint8Array(0), at = size;
  while (at > 0) {
    const begin = Math.max(0, at - BLOCK);
    tail = await joined(file, begin, at, tail);
    at = begin;
    // Lines from the last to the first whole one; the one before it may begin in an earlier block.
    for (let end = tail.lastIndexOf(NEWLINE); end >= 0;) {
      const before = end === 0 ? -1 : tail.lastIndexOf(NEWLINE, end - 1);
      if (before < 0 && at > 0) {
        tail = tail.subarray(0, end + 1);
        break;
      }
      if (stepOf(tail.subarray(before + 1, end)) <= step) return at + end + 1;
      end = before;
    }
    if (!tail.includes(NEWLINE)) tail = new Uint8Array(0); // Torn: never kept.
  }
  return 0;
}

/** The bytes from `begin` to `end` of a file, then `rest`. */
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

/** The step of a log line; infinite where the line is torn or carries none. */
function stepOf(line: Uint8Array): number {
  try {
    const step = JSON.parse(new TextDecoder().decode(line))?.step;
    return typeof step === "number" ? step : Infinity;
  } catch {
    return Infinity;
  }
}
