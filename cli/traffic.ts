/**
 * `qtrain traffic`: the memory traffic of a network, static against dynamic ranges.
 *
 * @module
 */
import { DeviceError, ModelError, UsageError } from "../lib/core/errors.ts";
import { buildGraph, type Graph } from "../lib/program/graph.ts";
import { summarize } from "../lib/program/summary.ts";
import { type DataShape, layersOf } from "../lib/program/plan.ts";
import { zoo } from "../lib/model/zoo.ts";
import { loadRecipe, parseRecipe } from "../lib/recipe/load.ts";
import { nearest } from "../lib/core/did_you_mean.ts";
import type { Pair, Recipe } from "../lib/recipe/types.ts";
import { measure } from "../lib/report/measure.ts";
import { programTraffic } from "../lib/report/program_traffic.ts";
import { traffic } from "../lib/report/traffic.ts";
import { type Variants, variants } from "../lib/report/variants.ts";
import { type Command, first, looksLikeRecipe } from "./command.ts";
import { shapeOf, statedShape } from "./data_shape.ts";
import { type Arguments, tilesOf } from "./options.ts";
import { print, printJson } from "./print.ts";
import { asJson, asText, type Measured, type Report } from "./traffic_report.ts";

/** Images of ImageNet, which a network by name is counted on unless one says otherwise. */
const IMAGENET = { size: 224, channels: 3, classes: 1000 } as const;
const { size, channels, classes } = IMAGENET, names = Object.keys(zoo);
/** Higher and wider than any image. */
const LARGEST = 65536;

/** The command. */
export const trafficCommand: Command = {
  name: "traffic",
  usage:
    "qtrain traffic MODEL|recipe.yaml [key=value …] [--input SIZE] [--measure [--device gpu] [--no-tune]] [--json]",
  summary: "Counts memory traffic, static against dynamic ranges, layer by layer.",
  details: `A model by name is ${names.join(", ")};
its batch is one image of ${size}×${size}×${channels} with ${classes} classes, unless data.classes=…, train.batch=…
or model.width=… says otherwise.

Figures are KB of 1024 bytes for one image. "static" and "dynamic" are the least that a layer moves,
by the model of the paper (arXiv 2105.04246); "program" is what the buffers hold that qtrain's own
steps bind. Counting runs nothing and needs no GPU. --measure runs forward and backward, with first
weights on noise, and adds the time of each layer: ms of a whole batch.`,
  options: ["input", "measure", "device", "no-tune", "json"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const { input, device, json } = args;
  if (args.measure && device === "cpu") {
    throw new UsageError(
      "--device cpu: expected gpu with --measure, as times are taken on the GPU; without " +
        "--measure, nothing is run",
    );
  }
  for (const option of ["device", "no-tune"] as const) {
    if (!args[option] || args.measure) continue;
    throw new UsageError(`--${option}: expected only with --measure; without it, nothing is run`);
  }
  const [name, overrides] = first(args, "traffic", "a model or a recipe");
  const square = input === undefined ? undefined : sizeOf(input);
  const { recipe, data } = Object.hasOwn(zoo, name)
    ? ofModel(name, overrides, square)
    : await ofRecipe(name, overrides, square);
  const graph = graphOf(recipe, data, input), planned = variants(recipe, data);
  const measured = args.measure ? await measureAll(planned, data, args) : undefined;
  const report: Report = {
    name: "name" in recipe.model ? recipe.model.name : recipe.name,
    data,
    batch: recipe.train.batch,
    layers: summarize(graph),
    traffic: traffic(graph),
    programs: {
      ...(planned.static ? { static: programTraffic(planned.static.program) } : {}),
      ...(planned.dynamic ? { dynamic: programTraffic(planned.dynamic.program) } : {}),
    },
    problems: planned.problems,
    ...(measured ? { measured } : {}),
  };
  if (json) printJson(asJson(report), 2);
  else print(asText(report));
  return 0;
}

function sizeOf(text: string): Pair {
  const size = Number(text);
  if (/^[0-9]+$/.test(text) && size >= 1 && size <= LARGEST) return [size, size];
  throw new UsageError(
    `--input: expected a whole number from 1 to ${LARGEST}, got ${JSON.stringify(text)}`,
  );
}

/** What a command is about. */
interface Subject {
  readonly recipe: Recipe;
  readonly data: DataShape;
}

function ofModel(name: string, overrides: readonly string[], square: Pair | undefined): Subject {
  // There is no data behind it: a format that takes any size and any number of classes will do.
  const recipe = parseRecipe("", name, [
    "data.format=idx",
    "data.root=.",
    `data.classes=${classes}`,
    `data.size=${size}`,
    `model.name=${name}`,
    "train.batch=1",
    ...overrides,
  ]);
  const { data } = recipe, stated = data.size[0] > 0 ? data.size : [size, size] as const;
  return { recipe, data: statedShape(data, square ?? stated, data.channels || channels, classes) };
}

async function ofRecipe(
  path: string,
  overrides: readonly string[],
  square: Pair | undefined,
): Promise<Subject> {
  if (!await looksLikeRecipe(path)) {
    const meant = nearest(path, names);
    throw new UsageError(
      `${path}: unknown model${meant ? ` (did you mean ${meant}?)` : ""}; expected a recipe.yaml ` +
        `or one of ${names.join(", ")}`,
    );
  }
  const recipe = await loadRecipe(path, overrides), data = await shapeOf(recipe);
  return {
    recipe,
    data: square ? { ...data, shape: [...square, data.shape[2]] } : data,
  };
}

function graphOf(recipe: Recipe, data: DataShape, input: string | undefined): Graph {
  try {
    return buildGraph(layersOf(recipe, data), data.shape, data.classes);
  } catch (error) {
    if (input === undefined || !(error instanceof ModelError)) throw error;
    throw new UsageError(`--input ${input}: ${error.message}`);
  }
}

async function measureAll(
  planned: Variants,
  data: DataShape,
  args: Arguments,
): Promise<Measured> {
  if (!planned.static) {
    throw new ModelError(`--measure: ${planned.problems.join("; ")}`);
  }
  console.error("compiling the kernels, then timing each layer; a large network takes minutes");
  const all = [planned.static, ...(planned.dynamic ? [planned.dynamic] : [])];
  try {
    const { adapter, times } = await measure(all, data, tilesOf(args, "timed").tiles);
    return { adapter, static: times[0]!, ...(times[1] ? { dynamic: times[1] } : {}) };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    throw new DeviceError(`--measure: ${error.message}`);
  }
}
