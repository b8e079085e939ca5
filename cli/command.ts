/**
 * What a command is, and its help.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { type Arguments, optionHelp, type OptionName } from "./options.ts";

/** One command of qtrain. */
export interface Command {
  /** The word that calls it. */
  readonly name: string;
  /** Its arguments, without options. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What a person should know, as lines. */
  readonly details: string;
  /** Options that it takes, beside `--help`. */
  readonly options: readonly OptionName[];
  /** Does it. @returns the exit code */
  run(args: Arguments): Promise<number>;
}

/** The text of `qtrain COMMAND --help`. */
export function commandHelp({ usage, summary, details, options }: Command): string {
  return `${usage}\n\n${summary}\n\n${details}\n\n${optionHelp([...options, "help"])}`;
}

/** @throws UsageError unless there is at least one positional; returns it and the others */
export function first(
  { positionals }: Arguments,
  command: string,
  what: string,
): [string, readonly string[]] {
  const [value, ...rest] = positionals;
  if (value === undefined) {
    throw new UsageError(
      `qtrain ${command}: expected ${what}, got nothing; see qtrain ${command} --help`,
    );
  }
  return [value, rest];
}

/** The one positional of a command. @throws UsageError unless there is exactly one */
export function onlyPositional(args: Arguments, command: string, what: string): string {
  const [value, rest] = first(args, command, what);
  if (rest.length > 0) {
    throw new UsageError(`qtrain ${command}: expected ${what} alone, got also ${rest.join(" ")}`);
  }
  return value;
}

/** A path rather than a mistyped word: it has a dot, a slash, or is there. */
export async function looksLikeRecipe(word: string): Promise<boolean> {
  return /[./\\]/.test(word) || await Deno.stat(word).then((info) => info.isFile, () => false);
}
