/**
 * Progress on stderr; stdout is for results only. On a terminal there is one live line, rewritten in
 * place; a pipe gets plain lines, seconds apart. In modes `quiet` and `json` only errors are written
 * (the caller prints JSON lines to stdout). What files say is shown without control characters.
 *
 * @module
 */

import { printable } from "../lib/core/text.ts";
import { type Stream, writeAll } from "./print.ts";
import { canRewrite } from "./terminal.ts";

/** How much progress to show. */
export type ProgressMode = "normal" | "quiet" | "json";

/** The interface of {@linkcode Deno.stderr} that is used here. */
interface Stderr extends Stream {
  isTerminal(): boolean;
}

/** Nobody reads faster, and a slow terminal must not slow down the training. */
const TERMINAL_INTERVAL_MS = 100;
/** Keeps the log of a long run readable. */
const PIPE_INTERVAL_MS = 5000;

const ERASE_LINE = "\r\x1b[2K";

/** Writes progress lines. */
export class Progress {
  #silent: boolean;
  #stream: Stderr;
  #terminal: boolean;
  #columns: () => number;
  #now: () => number;
  #last = -Infinity;
  /** The live line on the screen. */
  #live = "";

  /** @param options.now a clock in milliseconds */
  constructor(
    options: {
      readonly mode?: ProgressMode;
      readonly stream?: Stderr;
      readonly columns?: () => number;
      readonly now?: () => number;
    } = {},
  ) {
    this.#silent = (options.mode ?? "normal") !== "normal";
    this.#stream = options.stream ?? Deno.stderr;
    this.#terminal = this.#stream.isTerminal() && canRewrite();
    this.#columns = options.columns ?? terminalColumns;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Columns of the terminal at this moment; undefined for a pipe. */
  get columns(): number | undefined {
    return this.#terminal ? this.#columns() : undefined;
  }

  /**
   * Shows the live line. On a terminal it replaces the one before; it is skipped if that one is very
   * recent. A function is called only if its text is shown. The text is cut at the terminal's width.
   */
  live(text: string | (() => string)): void {
    if (this.#silent) return;
    const now = this.#now();
    if (now - this.#last < (this.#terminal ? TERMINAL_INTERVAL_MS : PIPE_INTERVAL_MS)) return;
    this.#last = now;
    const line = printable(typeof text === "string" ? text : text());
    if (!this.#terminal) return this.#write(line + "\n");
    // One column stays free: a full line would wrap, and only half of it would be erased.
    this.#live = [...line].slice(0, Math.max(1, this.#columns() - 1)).join("");
    this.#write(ERASE_LINE + this.#live);
  }

  /** Writes a line that stays, such as an epoch's, above the live line. */
  print(text: string): void {
    if (this.#silent) return;
    this.#above(text);
  }

  /** Writes an error message, in every mode. */
  error(text: string): void {
    this.#above(text);
  }

  /** Removes the live line. Call it when the work has ended, with or without success. */
  done(): void {
    if (this.#live !== "") this.#write(ERASE_LINE);
    this.#live = "";
    this.#last = -Infinity;
  }

  #above(text: string): void {
    if (this.#live === "") return this.#write(printable(text) + "\n");
    this.#write(`${ERASE_LINE}${printable(text)}\n${this.#live}`);
  }

  #write(text: string): void {
    try {
      writeAll(this.#stream, text);
    } catch (error) {
      // A log on a full disk, or a reader that has gone (`qtrain … 2>&1 | head`): no reason to stop
      // training. The disk may have room again.
      if (error instanceof Deno.errors.BrokenPipe) this.#silent = true;
    }
  }
}

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || 80; // Some pseudo-terminals report 0.
  } catch {
    return 80;
  }
}
