/**
 * Arguments of a command: which options there are, and what was given.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { UsageError } from "../lib/core/errors.ts";
import type { Tiles } from "../lib/runtime/gpu/autotune.ts";
import type { DeviceChoice } from "../lib/runtime/device.ts";
import { nearest } from "../lib/core/did_you_mean.ts";
import type { ProgressMode } from "./progress.ts";

interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** As help shows it. */
  readonly usage: string;
  readonly help: string;
  /** Words that a string option takes. */
  readonly words?: readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: true;
}

/** Every option of every command. */
export const OPTIONS = {
  estimators: {
    type: "string",
    usage: "--estimators LIST",
    help: "what to compare, between commas",
  },
  seeds: { type: "string", usage: "--seeds LIST", help: "seeds, between commas (default: 1)" },
  vary: {
    type: "string",
    usage: "--vary key=LIST",
    help: "also over the values of a key; may be given again",
    repeats: true,
  },
  out: {
    type: "string",
    usage: "--out PATH",
    help: "where to write: a folder (train, compare), a file",
  },
  resume: { type: "boolean", usage: "--resume", help: "go on with the run in that folder" },
  best: { type: "boolean", usage: "--best", help: "the checkpoint with the best test accuracy" },
  device: {
    type: "string",
    usage: "--device auto|gpu|cpu",
    help: "where to compute (auto: the GPU if there is one)",
    words: ["auto", "gpu", "cpu"],
  },
  "no-tune": {
    type: "boolean",
    usage: "--no-tune",
    help: "default tiles, in place of the fastest on this GPU",
  },
  format: {
    type: "string",
    usage: "--format safetensors",
    help: "format of the file",
    words: ["safetensors"],
  },
  input: {
    type: "string",
    usage: "--input SIZE",
    help: "height and width of the images, in place of the recipe's",
  },
  measure: { type: "boolean", usage: "--measure", help: "time the layers on this machine's GPU" },
  ranges: {
    type: "boolean",
    usage: "--ranges",
    help: "compare the ways to set ranges, on the host and on the device",
  },
  batch: { type: "string", usage: "--batch N", help: "images of a batch, in place of the usual" },
  rounds: { type: "string", usage: "--rounds N", help: "rounds that medians are of (default: 5)" },
  top: { type: "string", usage: "--top N", help: "how many classes of each image (default: 1)" },
  json: { type: "boolean", usage: "--json", help: "results as JSON on stdout" },
  quiet: { type: "boolean", usage: "--quiet", help: "no progress, only the result" },
  help: { type: "boolean", short: "h", usage: "--help, -h", help: "this text" },
  version: { type: "boolean", short: "V", usage: "--version", help: "the version of qtrain" },
} as const satisfies Readonly<Record<string, Option>>;

/** Name of an option. */
export type OptionName = keyof typeof OPTIONS;

/** What was given on the command line. */
export interface Arguments {
  /** What is not an option, in order; without the command's name. */
  readonly positionals: readonly string[];
  readonly estimators?: string;
  readonly seeds?: string;
  /** Every `--vary`, in order. */
  readonly vary?: readonly string[];
  readonly out?: string;
  readonly resume?: boolean;
  readonly best?: boolean;
  readonly device?: DeviceChoice;
  readonly "no-tune"?: boolean;
  readonly format?: string;
  readonly input?: string;
  readonly measure?: boolean;
  readonly ranges?: boolean;
  readonly batch?: string;
  readonly rounds?: string;
  readonly top?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly help?: boolean;
  readonly version?: boolean;
}

const option = (name: OptionName): Option => OPTIONS[name];
const names = Object.keys(OPTIONS) as OptionName[];

/**
 * Reads a command line. Whether a command takes the options given is checked by {@link rejectOtherOptions}.
 *
 * @throws UsageError for an unknown option, a value that is missing, too much, or unknown
 */
export function readArguments(args: readonly string[]): Arguments {
  // Not strict: its messages do not say what to do.
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, string | boolean | string[]> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    if (!isOption(name)) {
      const meant = rawName.startsWith("--") ? nearest(name, names) : undefined;
      throw new UsageError(
        `${rawName}: unknown option${
          meant ? ` (did you mean --${meant}?)` : "; see qtrain --help"
        }`,
      );
    }
    const given = valueOf(name, value, token.inlineValue === true);
    if (option(name).repeats) values[name] = [...(values[name] as string[] ?? []), String(given)];
    else values[name] = given;
  }
  return { positionals, ...values };
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}

function valueOf(name: OptionName, value: string | undefined, inline: boolean): string | boolean {
  const { type, usage, words } = option(name);
  if (type === "boolean") {
    if (value === undefined) return true;
    throw new UsageError(`--${name}: expected no value, got ${JSON.stringify(value)}`);
  }
  if (value === undefined || value === "" || (!inline && value.startsWith("-"))) {
    throw new UsageError(`--${name}: expected a value, as in ${usage}`);
  }
  if (words && !words.includes(value)) {
    const meant = nearest(value, words);
    throw new UsageError(
      `--${name}: expected ${words.length > 1 ? "one of " : ""}${words.join(", ")}, got ` +
        `${JSON.stringify(value)}${meant ? ` (did you mean ${meant}?)` : ""}`,
    );
  }
  return value;
}

/** What progress a person asked to see. @throws UsageError when both options are given */
export function progressMode({ json, quiet }: Arguments): ProgressMode {
  if (json && quiet) throw new UsageError("--json and --quiet: expected one of them, got both");
  return json ? "json" : quiet ? "quiet" : "normal";
}

/** Which tiles kernels run with, where a command would rather have `tiles`. */
export function tilesOf(args: Arguments, tiles: Tiles): { readonly tiles: Tiles } {
  return { tiles: args["no-tune"] ? "default" : tiles };
}

/** @throws UsageError when an option was given that the command does not take */
export function rejectOtherOptions(
  command: string,
  args: Arguments,
  allowed: readonly OptionName[],
): void {
  for (const name of names) {
    if (args[name] === undefined || name === "help" || allowed.includes(name)) continue;
    const takes = [...allowed, "help" as const].map((n) => `--${n}`).join(", ");
    throw new UsageError(`--${name}: not an option of qtrain ${command}, which takes ${takes}`);
  }
}

/** Lines of help for options, aligned. */
export function optionHelp(shown: readonly OptionName[]): string {
  const width = Math.max(...shown.map((name) => option(name).usage.length));
  return shown.map((name) => `  ${option(name).usage.padEnd(width)}  ${option(name).help}`)
    .join("\n");
}
