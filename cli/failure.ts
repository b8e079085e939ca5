/**
 * Turns an error into its message on stderr and an exit code.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";
import { QtrainError, SystemError } from "../lib/core/errors.ts";
import { systemFailure } from "../lib/core/files.ts";
import { VERSION } from "../lib/core/version.ts";
import { printError } from "./print.ts";

/** What a person should know of an error. */
interface Failure {
  readonly message: string;
  readonly code: number;
}

/** Prints what a person should know of an error. @returns the exit code */
export function report(error: unknown): number {
  const { message, code } = failureOf(error);
  printError(message);
  return code;
}

/** What a person should know of an error, and the exit code. */
export function failureOf(error: unknown): Failure {
  if (error instanceof QtrainError) return { message: error.message, code: error.exitCode };
  // Nobody expected it, and yet it is no defect: the system said no.
  const refused = notDownloaded(error) ?? systemFailure(error);
  if (refused instanceof QtrainError) return failureOf(refused);
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  const text = stripVTControlCharacters(stack); // Deno colours the places of failed imports.
  const message = `${text}\nthis is a bug in qtrain ${VERSION}: please report it with these lines`;
  return { message, code: 1 };
}

/** The error of a package that Deno could not download or store, as at a first start without a network. */
function notDownloaded(error: unknown): SystemError | undefined {
  if (!(error instanceof TypeError) || !/npm package|https?:\/\//.test(error.message)) {
    return undefined;
  }
  const { code } = error as { code?: unknown };
  if (code !== "ERR_MODULE_NOT_FOUND" && !error.message.startsWith("Failed caching")) {
    return undefined;
  }
  const [first] = error.message.split("\n"), [, cause] = /^ +0: (.*)$/m.exec(error.message) ?? [];
  return new SystemError(
    `cannot load a package of qtrain: ${first}${
      cause ? `: ${cause}` : ""
    }. The first start downloads ` +
      "packages into Deno's cache: connect to the network once, and let DENO_DIR be writable",
    { cause: error },
  );
}
