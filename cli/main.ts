/**
 * The command line: finds the command, runs it, and turns errors into messages and exit codes.
 *
 * @module
 */
import { nearest } from "../lib/core/did_you_mean.ts";
import { UsageError } from "../lib/core/errors.ts";
import { visible } from "../lib/core/text.ts";
import { VERSION } from "../lib/core/version.ts";
import {
  type Command,
  firstPositionalIndex,
  looksLikeRecipe,
  optionHelp,
  type Options,
  readArguments,
} from "./command.ts";
import { report } from "./failure.ts";
import { print } from "./print.ts";

/** Commands by name, each imported when it is needed: the others would add 30 ms to each start. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import("./init.ts")).initCommand,
  train: async () => (await import("./train.ts")).trainCommand,
  check: async () => (await import("./check.ts")).checkCommand,
  data: async () => (await import("./data.ts")).dataCommand,
  lr: async () => (await import("./lr.ts")).lrCommand,
  compare: async () => (await import("./compare.ts")).compareCommand,
  traffic: async () => (await import("./traffic.ts")).trafficCommand,
  runs: async () => (await import("./runs.ts")).runsCommand,
  watch: async () => (await import("./watch.ts")).watchCommand,
  report: async () => (await import("./report.ts")).reportCommand,
  eval: async () => (await import("./eval.ts")).evalCommand,
  predict: async () => (await import("./predict.ts")).predictCommand,
  export: async () => (await import("./export.ts")).exportCommand,
  schema: async () => (await import("./schema.ts")).schemaCommand,
  help: async () => (await import("./help.ts")).helpCommand(allCommands, help),
  completions: async () => (await import("./completions.ts")).completionsCommand(allCommands),
  bench: async () => (await import("./bench.ts")).benchCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
};

/** Options of qtrain itself. */
const OPTIONS = {
  help: { type: "boolean", short: "h", usage: "--help, -h", help: "show this text" },
  version: { type: "boolean", short: "V", usage: "--version, -V", help: "show the version" },
} as const satisfies Options;

/** Runs a command line. @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    return report(error);
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const at = await commandIndex(args);
  if (at === undefined) return await withoutCommand(args);
  const word = args[at]!;
  if (Object.hasOwn(COMMANDS, word)) {
    return await (await COMMANDS[word]!()).run(args.toSpliced(at, 1));
  }
  if (await looksLikeRecipe(word)) return await (await COMMANDS.train!()).run(args);
  const names = Object.keys(COMMANDS), meant = nearest(word, names);
  throw new UsageError(
    `${visible(word)}: unknown command${
      meant ? ` (did you mean ${meant}?)` : ""
    }; expected a recipe.yaml ` +
      `or one of ${names.join(", ")}`,
  );
}

/** The place of the command's name or the recipe. Options may come before it. */
async function commandIndex(args: readonly string[]): Promise<number | undefined> {
  const [first] = args;
  if (first === undefined || (args.length === 1 && /^(--version|-V)$/.test(first))) {
    return undefined;
  }
  if (!first.startsWith("-")) return 0;
  const commands = await allCommands();
  const options: Options = Object.assign({}, ...commands.map((c) => c.options), OPTIONS);
  return firstPositionalIndex(args, options);
}

async function withoutCommand(args: readonly string[]): Promise<number> {
  const given = readArguments(args, OPTIONS);
  if (given.version) print(`qtrain ${VERSION}`);
  else if (given.help) print(await help());
  else throw new UsageError(`expected a recipe or a command, got nothing\n\n${await help()}`);
  return 0;
}

function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()));
}

async function help(): Promise<string> {
  const commands = await allCommands();
  const width = Math.max(...commands.map((c) => c.name.length));
  const list = commands.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`).join("\n");
  return `qtrain trains convolutional networks with 8-bit weights, activations and gradients.

Usage:
${commands.map((c) => `  ${c.usage} [options]`).join("\n")}

Commands:
${list}

Options:
${optionHelp(OPTIONS)}

Run qtrain COMMAND --help or qtrain help TOPIC for details. Without a command, qtrain trains the recipe.`;
}

if (import.meta.main) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(report(event.reason));
  });
  Deno.exit(await main(Deno.args));
}
