/**
 * `qtrain check`: prints the plan of a recipe without running it.
 *
 * @module
 */
import { bytesOf, operandsBytes } from "../lib/program/memory/bytes.ts";
import { type PeakMemory, peakMemory } from "../lib/program/memory/peak.ts";
import { type Layer, parameterCount } from "../lib/program/summary.ts";
import { type DataShape, plan } from "../lib/program/plan.ts";
import { type Program } from "../lib/program/program.ts";
import { loadRecipe } from "../lib/recipe/load.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { shapeOf } from "./data_shape.ts";
import { bytes, settingsTable, table, withThousands } from "./format.ts";
import { JSON_OUTPUT } from "./options.ts";
import { print, printJson } from "./print.ts";
import { arithmetic, microBatches, network, recomputing } from "./settings.ts";

/** The largest buffer binding that every WebGPU device supports, in bytes. */
const BASE_BINDING = 128 * 2 ** 20;

const OPTIONS = { json: JSON_OUTPUT } as const satisfies Options;

/** `qtrain check`. */
export const checkCommand = defineCommand({
  name: "check",
  synopsis: "qtrain check recipe.yaml [key=value …]",
  summary: "Prints the plan of a recipe (layers, shapes, parameters, memory) without running it.",
  details: `Needs no GPU. Needs no data either if the recipe gives data.classes and data.size (with
data.format: npz, data.channels too). Reports shapes that do not fit. Memory counts every buffer
that training allocates on the device.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, overrides] = firstPositional(args, "check", "a recipe");
  const recipe = await loadRecipe(path, overrides);
  const data = await shapeOf(recipe), { program, layers } = plan(recipe, data);
  const float32 = bytesInFloat32(recipe, data);
  if (args.json) printJson(asJson(recipe, program, layers, float32), 2);
  else print(asText(recipe, program, layers, float32));
  return 0;
}

/** Bytes that the same recipe needs in float32. */
function bytesInFloat32(recipe: Recipe, data: DataShape): number {
  const quantize = { ...recipe.quantize, arithmetic: "float32" } as const;
  return peakMemory(plan({ ...recipe, quantize, memory: 0 }, data).program).total;
}

/** Planned memory, e.g. `8.7 MiB (float32: 27.3 MiB; a buffer for each tensor: 20.9 MiB)`. */
function memoryLine(
  { memory }: Recipe,
  program: Program,
  { total, staging }: PeakMemory,
  float32: number,
): string {
  const limit = memory > 0 ? ` of ${bytes(memory)} allowed` : "";
  const others = [
    ...(program.arithmetic === "float32" ? [] : [`float32: ${bytes(float32)}`]),
    `a buffer for each tensor: ${
      bytes(bytesOf(program.buffers) + operandsBytes(program) + staging)
    }`,
  ];
  return `${bytes(total)}${limit} (${others.join("; ")})`;
}

function asText(
  recipe: Recipe,
  program: Program,
  layers: readonly Layer[],
  float32: number,
): string {
  const shape = (s: readonly number[]) => `[${s.join(", ")}]`;
  const rows = layers.map((l) => [l.name, l.kind, shape(l.output), withThousands(l.parameters)]);
  const peak = peakMemory(program);
  const memory = Object.entries(peak).map(([kind, n]) => [kind, bytes(n)]);
  const largest = program.buffers.reduce((a, b) => b.bytes > a.bytes ? b : a);
  const notes = largest.bytes > BASE_BINDING
    ? [
      `buffer ${largest.name} needs ${bytes(largest.bytes)}, more than the ${
        bytes(BASE_BINDING)
      } that every GPU supports; reduce train.batch or train.micro_batch`,
    ]
    : [];
  return [
    settingsTable([
      ["network", network(recipe, program)],
      ...arithmetic(recipe),
      ...microBatches(program),
      ["memory", memoryLine(recipe, program, peak, float32)],
      ...recomputing(program),
    ]),
    "",
    table(
      ["layer", "kind", "output [h, w, c]", "parameters"],
      [
        ["input", "", shape(program.input), ""],
        ...rows,
        ["total", "", "", withThousands(parameterCount(program))],
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

function asJson(
  recipe: Recipe,
  program: Program,
  layers: readonly Layer[],
  float32: number,
): unknown {
  return {
    name: recipe.name,
    arithmetic: program.arithmetic,
    batch: program.batch * program.micros,
    micro_batch: program.batch,
    input: program.input,
    classes: program.classes,
    layers,
    parameters: parameterCount(program),
    memory: peakMemory(program),
    memory_float32: float32,
    memory_allowed: recipe.memory,
    recomputed: program.recomputed ?? [],
  };
}
