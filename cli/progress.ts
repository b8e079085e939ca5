/**
 * Progress on stderr, so that stdout holds results only. A terminal gets one live line, rewritten
 * in place; a pipe gets plain lines, seconds apart. `quiet` and `json` get errors and nothing else
 * (the caller prints JSON lines to stdout).
 *
 * @module
 */

import { printable } from "../lib/core/errors.ts";

/** What the person asked to see. */
export type ProgressMode = "normal" | "quiet" | "json";

/** What {@linkcode Progress} needs of the world; the defaults are the real one. */
export interface ProgressOptions {
  /** What the person asked to see; `normal` by default. */
  readonly mode?: ProgressMode;
  /** Where the text goes. */
  readonly stream?: { isTerminal(): boolean; writeSync(bytes: Uint8Array): number };
  /** Columns of the terminal. */
  readonly columns?: () => number;
  /** A clock in milliseconds. */
  readonly now?: () => number;
}

/** A person cannot read faster, and a slow terminal must not slow down the training. */
const TERMINAL_INTERVAL_MS = 100;
/** A log of a long run stays readable. */
const PIPE_INTERVAL_MS = 5000;

const ERASE_LINE = "\r\x1b[2K";

/** Writes progress lines. */
export class Progress {
  #silent: boolean;
  #stream: NonNullable<ProgressOptions["stream"]>;
  #terminal: boolean;
  #columns: () => number;
  #now: () => number;
  #last = -Infinity;
  /** The live line as it is on the screen. */
  #live = "";

  /** Takes over stderr. */
  constructor(options: ProgressOptions = {}) {
    this.#silent = (options.mode ?? "normal") !== "normal";
    this.#stream = options.stream ?? Deno.stderr;
    this.#terminal = this.#stream.isTerminal();
    this.#columns = options.columns ?? terminalColumns;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Shows where things stand. Replaced by the next one on a terminal, and left out when the last
   * one is very recent: `text` may be a function, called only if it is shown. Plain text: colour
   * codes would break the cut at the terminal's width.
   */
  live(text: string | (() => string)): void {
    if (this.#silent) return;
    const now = this.#now();
    if (now - this.#last < (this.#terminal ? TERMINAL_INTERVAL_MS : PIPE_INTERVAL_MS)) return;
    this.#last = now;
    const line = typeof text === "string" ? text : text();
    if (!this.#terminal) return this.#write(line + "\n");
    // One column stays free: a full line would wrap, and erasing it would leave half behind.
    this.#live = [...line].slice(0, Math.max(1, this.#columns() - 1)).join("");
    this.#write(ERASE_LINE + this.#live);
  }

  /** Writes text that stays, such as an epoch's line. The live line continues below it. */
  print(text: string): void {
    if (this.#silent) return;
    this.#above(text);
  }

  /** Writes an error's message, in every mode. */
  error(text: string): void {
    this.#above(printable(text));
  }

  /** Removes the live line; to be called when the work is done, however it ended. */
  done(): void {
    if (this.#live !== "") this.#write(ERASE_LINE);
    this.#live = "";
    this.#last = -Infinity;
  }

  #above(text: string): void {
    if (this.#live === "") return this.#write(text + "\n");
    this.#write(`${ERASE_LINE}${text}\n${this.#live}`);
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += this.#stream.writeSync(bytes.subarray(at));
    } catch (error) {
      // Whoever read this has gone (`qtrain … 2>&1 | head`): no reason to stop training.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      this.#silent = true;
    }
  }
}

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || 80; // Some pseudo-terminals say 0.
  } catch {
    return 80;
  }
}
