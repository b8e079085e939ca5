/**
 * Results on stdout, messages on stderr. Both go to a terminal, perhaps, and may quote files: control
 * characters are escaped here. JSON escapes them in the same way, so its values stay the same. If the
 * reader of stdout has gone (`qtrain … | head`), the rest is dropped without an error.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { systemFailure } from "../lib/core/files.ts";
import { printable, shellWord } from "../lib/core/text.ts";

/** The interface of {@linkcode Deno.stdout} that is used here. */
export interface Stream {
  writeSync(bytes: Uint8Array): number;
}

let open = true;

/** Asked before it may hang up, as a terminal under `nohup` does: then nothing tells what it was. */
const TERMINAL = Deno.stdout.isTerminal();

/**
 * Writes one or several lines to stdout.
 *
 * @throws {SystemError} when it cannot, as when the disk is full
 */
export function print(text: string): void {
  if (!open) return;
  try {
    writeAll(Deno.stdout, printable(text) + "\n");
  } catch (error) {
    const hungUp = TERMINAL && (error as { code?: unknown }).code === "EIO";
    if (!hungUp && !(error instanceof Deno.errors.BrokenPipe)) {
      throw systemFailure(error, "write", "stdout");
    }
    open = false;
  }
}

/** Whether stdout still has a reader, as far as is known. */
export function isRead(): boolean {
  return open;
}

/** Writes a value to stdout as JSON, on one line or indented. @throws {SystemError} when it cannot */
export function printJson(value: unknown, indent?: number): void {
  print(JSON.stringify(value, null, indent));
}

/**
 * Writes one or several lines to stderr. What cannot be written is dropped: a log on a full disk, or a
 * reader that has gone, is no reason to end a run.
 */
export function printError(text: string): void {
  try {
    writeAll(Deno.stderr, printable(text) + "\n");
  } catch {
    // There is nowhere to say it.
  }
}

/** Writes all of a text as it is. */
export function writeAll(stream: Stream, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      // A program that shares the pipe does not wait for its reader (Node.js makes pipes so). We do.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

/** The command that starts qtrain, for hints, as a shell takes it where this process was started. */
export const PROGRAM = program();

function program(): string {
  if (Deno.build.standalone) return "qtrain";
  const main = new URL("main.ts", import.meta.url);
  if (main.protocol !== "file:") return `deno run -RWE ${main}`;
  const path = fileURLToPath(main);
  try {
    // The task works in the folder of the source alone.
    if (dirname(dirname(path)) === Deno.cwd()) return "deno task qtrain";
  } catch {
    // Deno does not tell the folder without permission to read it, or it is gone.
  }
  return `deno run -RWE ${shellWord(path)}`;
}

/** The arguments of this process, for a shell. */
export function givenArguments(): string {
  return Deno.args.map((text) => /^-[\w-]*$/.test(text) ? text : shellWord(text)).join(" ");
}
