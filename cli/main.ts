/**
 * The command line: finds the command, runs it, and turns errors into messages and exit codes.
 *
 * @module
 */
import { QtrainError, UsageError } from "../lib/core/errors.ts";
import { nearest } from "../lib/core/did_you_mean.ts";
import { VERSION } from "../lib/core/version.ts";
import { type Command, commandHelp, looksLikeRecipe } from "./command.ts";
import { type Arguments, optionHelp, readArguments, rejectOtherOptions } from "./options.ts";
import { print } from "./print.ts";

/** Commands by name, each loaded when it is asked for: the others would cost a start 30 ms. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import("./train.ts")).trainCommand,
  check: async () => (await import("./check.ts")).checkCommand,
  data: async () => (await import("./data.ts")).dataCommand,
  compare: async () => (await import("./compare.ts")).compareCommand,
  traffic: async () => (await import("./traffic.ts")).trafficCommand,
  eval: async () => (await import("./eval.ts")).evalCommand,
  predict: async () => (await import("./predict.ts")).predictCommand,
  export: async () => (await import("./export.ts")).exportCommand,
  bench: async () => (await import("./bench.ts")).benchCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
};

/** Runs a command line. @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(readArguments(args));
  } catch (error) {
    return report(error);
  }
}

async function dispatch(args: Arguments): Promise<number> {
  const [word, ...rest] = args.positionals;
  if (word === undefined) {
    if (args.version) print(`qtrain ${VERSION}`);
    else if (args.help) print(await help());
    else throw new UsageError(`expected a recipe or a command, got nothing\n\n${await help()}`);
    return 0;
  }
  const named = Object.hasOwn(COMMANDS, word);
  if (!named && !await looksLikeRecipe(word)) {
    const meant = nearest(word, Object.keys(COMMANDS));
    throw new UsageError(
      `${word}: unknown command${
        meant ? ` (did you mean ${meant}?)` : ""
      }; expected a recipe.yaml ` +
        `or one of ${Object.keys(COMMANDS).join(", ")}`,
    );
  }
  const command = await COMMANDS[named ? word : "train"]!();
  if (args.help) {
    print(commandHelp(command));
    return 0;
  }
  rejectOtherOptions(command.name, args, command.options);
  return await command.run({ ...args, positionals: named ? rest : args.positionals });
}

async function help(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const width = Math.max(...commands.map((c) => c.name.length));
  const list = commands.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`).join("\n");
  return `qtrain trains convolutional networks with 8-bit weights, activations and gradients.

${commands.map((c) => `  ${c.usage}`).join("\n")}

${list}

${optionHelp(["help", "version"])}

qtrain COMMAND --help says more of each; without a command, a recipe is trained.`;
}

function report(error: unknown): number {
  if (error instanceof QtrainError) {
    console.error(error.message);
    return error.exitCode;
  }
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  console.error(
    `${text}\nthis is a defect of qtrain ${VERSION}: please report it with these lines`,
  );
  return 1;
}

if (import.meta.main) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(report(event.reason));
  });
  Deno.exit(await main(Deno.args));
}
