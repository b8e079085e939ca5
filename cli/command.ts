/**
 * A command of qtrain: its options, its help text, and how its arguments are read.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { shellWord, visible } from "../lib/core/text.ts";
import { nearest } from "../lib/core/did_you_mean.ts";
import { UsageError } from "../lib/core/errors.ts";
import { describe } from "../lib/recipe/recipe_errors.ts";
import { print } from "./print.ts";

/** Columns of help text. */
const HELP_WIDTH = 100;

/** An option of a command. */
export interface Option {
  /** An `integer` is a whole number from `min` (default 1) to `max`. */
  readonly type: "string" | "boolean" | "integer";
  /** How help shows it, e.g. `--out DIR`. */
  readonly usage: string;
  /** What it does, in a few words. */
  readonly help: string;
  readonly short?: string;
  /** The values that a string option accepts; without them, any. */
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly required?: true;
  /** Whether it may be given more than once. */
  readonly repeats?: true;
}

/** Options by name, without the dashes. */
export type Options = Readonly<Record<string, Option>>;

type Value<O extends Option> = O["type"] extends "boolean" ? boolean
  : O["type"] extends "integer" ? number
  : O extends { readonly repeats: true } ? readonly string[]
  : O extends { readonly values: readonly (infer V)[] } ? V
  : string;

/** What was given on the command line: positionals in order, and options by name. */
export type Arguments<O extends Options> =
  & { readonly positionals: readonly string[] }
  & {
    readonly [K in keyof O]: Value<O[K]> | (O[K] extends { required: true } ? never : undefined);
  };

/** A command, ready to run. */
export interface Command {
  readonly name: string;
  /** Its arguments in one line, without optional options, e.g. `qtrain export RUN --out FILE`. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly options: Options;
  /** Words that it takes as an argument, for completion, beside those in its usage. */
  readonly words?: readonly string[];
  /**
   * Runs it, or prints its help.
   *
   * @param args the command line without the command's name
   * @returns the exit code
   * @throws UsageError for arguments that do not fit
   */
  run(args: readonly string[]): Promise<number>;
}

const HELP = { type: "boolean", short: "h", usage: "--help, -h", help: "show this text" } as const;

/**
 * Defines a command. Its usage line and its list of options are made from `options`.
 *
 * @param spec.synopsis the start of the usage line, e.g. `qtrain eval RUN`
 * @param spec.details what a person should know, as lines
 */
export function defineCommand<const O extends Options>(spec: {
  readonly name: string;
  readonly synopsis: string;
  readonly summary: string;
  readonly details: string;
  readonly options: O;
  readonly words?: readonly string[];
  run(args: Arguments<O>): Promise<number>;
}): Command {
  const { name, synopsis, summary, details } = spec;
  const listed = Object.values<Option>(spec.options);
  const usage = [synopsis, ...listed.filter((o) => o.required).map((o) => o.usage)].join(" ");
  const optional = listed.filter((o) => !o.required)
    .map((o) => `[${o.usage}]${o.repeats ? " …" : ""}`);
  const options: Options = { ...spec.options, help: HELP };
  const help = () =>
    `Usage: ${wrapUsage([usage, ...optional].join(" "))}\n\n${summary}\n\n${details}\n\nOptions:\n${
      optionHelp(options)
    }`;
  return {
    name,
    usage,
    summary,
    options,
    ...(spec.words ? { words: spec.words } : {}),
    run: async (args) => {
      const given = readArguments(args, options, name);
      if (given.help) {
        print(help());
        return 0;
      }
      for (const [option, { required, usage }] of Object.entries<Option>(options)) {
        if (!required || given[option] !== undefined) continue;
        throw new UsageError(`qtrain ${name}: expected ${usage}, got nothing`);
      }
      return await spec.run(given as Arguments<O>);
    },
  };
}

/**
 * Reads arguments by their options.
 *
 * @param command the command's name, for messages; without it, those of qtrain itself
 * @throws UsageError for an option that is not among them, and a value that is missing, not
 * expected, or not accepted
 */
export function readArguments<const O extends Options>(
  args: readonly string[],
  options: O,
  command?: string,
): Arguments<O> {
  const values: Record<string, unknown> = {}, positionals: string[] = [];
  for (const token of tokensOf(args, options)) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token, given = args[token.index]!;
    // Letters behind one dash would be options each: `-home.png` would ask for help.
    if (/^-[^-]./.test(given)) throw unknownOption(given, name, options, command);
    if (!Object.hasOwn(options, name)) throw unknownOption(rawName, name, options, command);
    const option: Option = options[name]!;
    const read = valueOf(name, option, value, token.inlineValue === true);
    values[name] = option.repeats ? [...(values[name] as string[] ?? []), read] : read;
  }
  return { positionals, ...values } as Arguments<O>;
}

/** The place of the first positional; undefined where there is none. */
export function firstPositionalIndex(
  args: readonly string[],
  options: Options,
): number | undefined {
  return tokensOf(args, options).find(({ kind }) => kind === "positional")?.index;
}

function tokensOf(args: readonly string[], options: Options) {
  return parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, short }]) => [name, {
        type: type === "boolean" ? "boolean" as const : "string" as const,
        ...(short === undefined ? {} : { short }),
      }]),
    ),
    strict: false, // Its messages do not say what to do.
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function unknownOption(
  rawName: string,
  name: string,
  options: Options,
  command: string | undefined,
): UsageError {
  const names = Object.keys(options);
  const meant = rawName.startsWith("--") ? nearest(name, names) : undefined;
  if (meant) {
    return new UsageError(`${visible(rawName)}: unknown option (did you mean --${meant}?)`);
  }
  if (command === undefined) {
    return new UsageError(
      `${visible(rawName)}: expected a recipe or a command too; see qtrain --help`,
    );
  }
  const takes = names.map((other) => `--${other}`).join(", ");
  const file = /^--[a-z_]+(\.[a-z_]+)+$/.test(rawName)
    ? `; a field of the recipe is set by ${name}=VALUE`
    : /^-[^-]|[./]/.test(rawName)
    ? `; give a file of this name as ${shellWord(rawName)}`
    : "";
  return new UsageError(
    `${visible(rawName)}: not an option of qtrain ${command}, which takes ${takes}${file}`,
  );
}

function valueOf(
  name: string,
  { type, usage, values, min = 1, max }: Option,
  value: string | undefined,
  inline: boolean,
): string | boolean | number {
  if (type === "boolean") {
    if (value === undefined) return true;
    throw new UsageError(`--${name}: expected no value, got ${describe(value)}`);
  }
  if (value === undefined || value === "" || (!inline && value.startsWith("-"))) {
    throw new UsageError(`--${name}: expected a value, as in ${usage}`);
  }
  if (type === "integer") {
    const number = Number(value);
    if (/^[0-9]+$/.test(value) && number >= min && number <= max!) return number;
    throw new UsageError(
      `--${name}: expected a whole number from ${min} to ${max}, got ${describe(value)}`,
    );
  }
  if (values && !values.includes(value)) {
    const meant = nearest(value, values);
    throw new UsageError(
      `--${name}: expected one of ${values.join(", ")}, got ${describe(value)}${
        meant ? ` (did you mean ${meant}?)` : ""
      }`,
    );
  }
  return value;
}

/** A line of help for each option, aligned. */
export function optionHelp(options: Options): string {
  const list = Object.values(options);
  const width = Math.max(...list.map(({ usage }) => usage.length));
  return list.map(({ usage, help }) => `  ${usage.padEnd(width)}  ${help}`).join("\n");
}

/** Breaks a usage line before an option; the lines after the first are indented. */
function wrapUsage(usage: string): string {
  const lines = [""];
  for (const part of usage.match(/\[[^\]]*\]( …)?|\S+/g)!) {
    const longer = `${lines.at(-1)} ${part}`.trimStart();
    if (longer.length + "Usage: ".length <= HELP_WIDTH) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines.join("\n         ");
}

/**
 * The first positional, and the others.
 *
 * @param what the noun for it, e.g. `a recipe`
 * @throws UsageError where there is none
 */
export function firstPositional(
  { positionals }: { readonly positionals: readonly string[] },
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

/** Whether a word is a path rather than a mistyped command: it has a dot or a slash, or is a file. */
export async function looksLikeRecipe(word: string): Promise<boolean> {
  return /[./\\]/.test(word) || await Deno.stat(word).then((info) => info.isFile, () => false);
}
