/**
 * `qtrain check`: plans a recipe and prints the plan; runs nothing.
 *
 * @module
 */
import { type Layer, memoryByKind, parameterCount } from "../lib/model/outline.ts";
import { plan } from "../lib/model/plan.ts";
import type { Program } from "../lib/program.ts";
import { loadRecipe } from "../lib/recipe/load.ts";
import type { Recipe } from "../lib/recipe/types.ts";
import { type Command, first } from "./command.ts";
import { shapeOf } from "./data_shape.ts";
import { bytes, settingsTable, table } from "./format.ts";
import type { Arguments } from "./options.ts";
import { print, printJson } from "./output.ts";
import { arithmetic, grouped, microBatches, network } from "./settings.ts";

/** Every WebGPU device binds this much at once; more needs a larger one. */
const BASE_BINDING = 128 * 2 ** 20;

/** The command. */
export const checkCommand: Command = {
  name: "check",
  usage: "qtrain check recipe.yaml [key=value …] [--json]",
  summary: "Prints the plan of a recipe: layers, shapes, parameters, memory. Runs nothing.",
  details:
    `Needs no GPU, and no data where the recipe gives data.classes and data.size (with data.format:
npz, data.channels too).
Finds shapes that do not fit. Memory is what a training step holds on the device.`,
  options: ["json"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const [path, overrides] = first(args, "check", "a recipe");
  const recipe = await loadRecipe(path, overrides);
  const { program, layers } = plan(recipe, await shapeOf(recipe));
  if (args.json) printJson(asJson(recipe, program, layers), 2);
  else print(asText(recipe, program, layers));
  return 0;
}

function asText(recipe: Recipe, program: Program, layers: readonly Layer[]): string {
  const shape = (s: readonly number[]) => `[${s.join(", ")}]`;
  const rows = layers.map((l) => [l.name, l.kind, shape(l.output), grouped(l.parameters)]);
  const memory = Object.entries(memoryOf(program)).map(([kind, n]) => [kind, bytes(n)]);
  const largest = program.buffers.reduce((a, b) => b.bytes > a.bytes ? b : a);
  const notes = largest.bytes > BASE_BINDING
    ? [
      `buffer ${largest.name} needs ${bytes(largest.bytes)}: more than the ${
        bytes(BASE_BINDING)
      } that every GPU binds; a smaller train.batch or train.micro_batch needs less`,
    ]
    : [];
  return [
    settingsTable([
      ["network", network(recipe, program)],
      ...arithmetic(recipe),
      ...microBatches(program),
    ]),
    "",
    table(
      ["layer", "kind", "output [h, w, c]", "parameters"],
      [
        ["input", "", shape(program.input), ""],
        ...rows,
        ["total", "", "", grouped(parameterCount(program))],
      ],
      ["left", "left", "left", "right"],
    ),
    "",
    table(
      [`memory, ${program.micros > 1 ? "micro-" : ""}batch ${program.batch}`, "bytes"],
      memory,
      ["left", "right"],
    ),
    ...notes,
  ].join("\n");
}

function asJson(recipe: Recipe, program: Program, layers: readonly Layer[]): unknown {
  return {
    name: recipe.name,
    arithmetic: program.arithmetic,
    batch: program.batch * program.micros,
    micro_batch: program.batch,
    input: program.input,
    classes: program.classes,
    layers,
    parameters: parameterCount(program),
    memory: memoryOf(program),
  };
}

/** Bytes by kind, and their sum. */
function memoryOf(program: Program): Record<string, number> {
  const k = memoryByKind(program);
  return {
    parameters: k.parameter,
    optimizer: k.optimizer,
    activations: k.activation,
    gradients: k.gradient,
    scratch: k.scratch,
    tables: k.table,
    total: Object.values(k).reduce((a, b) => a + b, 0),
  };
}
