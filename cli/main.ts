/**
 * The command line: finds the command, runs it, and turns errors into messages and exit codes.
 *
 * @module
 */
import { QtrainError, UsageError } from "../lib/errors.ts";
import { nearest } from "../lib/recipe/nearest.ts";
import { VERSION } from "../lib/version.ts";
import { benchCommand } from "./bench.ts";
import { checkCommand } from "./check.ts";
import { type Command, commandHelp, looksLikeRecipe } from "./command.ts";
import { compareCommand } from "./compare.ts";
import { dataCommand } from "./data.ts";
import { doctorCommand } from "./doctor.ts";
import { evalCommand } from "./eval.ts";
import { exportCommand } from "./export.ts";
import { allow, type Arguments, optionHelp, readArguments } from "./options.ts";
import { print } from "./output.ts";
import { predictCommand } from "./predict.ts";
import { trafficCommand } from "./traffic.ts";
import { trainCommand } from "./train.ts";

const COMMANDS: readonly Command[] = [
  trainCommand,
  checkCommand,
  dataCommand,
  compareCommand,
  trafficCommand,
  evalCommand,
  predictCommand,
  exportCommand,
  benchCommand,
  doctorCommand,
];

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
    else if (args.help) print(help());
    else throw new UsageError(`expected a recipe or a command, got nothing\n\n${help()}`);
    return 0;
  }
  const named = COMMANDS.find((command) => command.name === word);
  const command = named ?? trainCommand;
  if (!named && !await looksLikeRecipe(word)) {
    const meant = nearest(word, COMMANDS.map((c) => c.name));
    throw new UsageError(
      `${word}: unknown command${
        meant ? ` (did you mean ${meant}?)` : ""
      }; expected a recipe.yaml ` +
        `or one of ${COMMANDS.map((c) => c.name).join(", ")}`,
    );
  }
  if (args.help) {
    print(commandHelp(command));
    return 0;
  }
  allow(command.name, args, command.options);
  return await command.run({ ...args, positionals: named ? rest : args.positionals });
}

function help(): string {
  const width = Math.max(...COMMANDS.map((c) => c.name.length));
  const list = COMMANDS.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`).join("\n");
  return `qtrain trains convolutional networks with 8-bit weights, activations and gradients.

${COMMANDS.map((c) => `  ${c.usage}`).join("\n")}

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
