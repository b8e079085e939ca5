/**
 * `qtrain traffic`: counts the memory traffic of a network with static and with dynamic ranges.
 *
 * @module
 */
import { DeviceError, ModelError, UsageError } from "../lib/core/errors.ts";
import { buildGraph, type Graph } from "../lib/program/graph.ts";
import { type Layer, summarize } from "../lib/program/summary.ts";
import { type DataShape, layersOf } from "../lib/program/plan.ts";
import { zoo } from "../lib/model/zoo.ts";
import { withBatch } from "../lib/program/auto_batch.ts";
import { loadRecipe, parseRecipe } from "../lib/recipe/load.ts";
import { nearest } from "../lib/core/did_you_mean.ts";
import type { Pair } from "../lib/recipe/fields.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import { type LayerTime, measureLayers } from "../lib/report/measure.ts";
import { type ProgramTraffic, programTraffic } from "../lib/report/program_traffic.ts";
import { type LayerTraffic, modelTraffic } from "../lib/report/traffic.ts";
import { type StaticDynamicBytes, sumBytes } from "../lib/program/ops/traffic.ts";
import { planStaticAndDynamic, type StaticAndDynamic } from "../lib/report/static_dynamic.ts";
import {
  type Arguments,
  defineCommand,
  firstPositional,
  looksLikeRecipe,
  type Options,
} from "./command.ts";
import { shapeOf, statedShape } from "./data_shape.ts";
import { percent, settingsTable, table, withThousands } from "./format.ts";
import { DEVICE, JSON_OUTPUT, NO_TUNE } from "./options.ts";
import { print, printError, printJson } from "./print.ts";

/** Images of ImageNet: the default for a network by name. */
const IMAGENET = { size: 224, channels: 3, classes: 1000 } as const;
const { size, channels, classes } = IMAGENET, names = Object.keys(zoo);

const OPTIONS = {
  input: {
    type: "integer",
    usage: "--input SIZE",
    help: "height and width of the images, instead of the recipe's",
    max: 65536,
  },
  measure: { type: "boolean", usage: "--measure", help: "time each layer on this machine's GPU" },
  device: DEVICE,
  "no-tune": NO_TUNE,
  json: JSON_OUTPUT,
} as const satisfies Options;

type Given = Arguments<typeof OPTIONS>;

/** `qtrain traffic`. */
export const trafficCommand = defineCommand({
  name: "traffic",
  synopsis: "qtrain traffic MODEL|recipe.yaml [key=value …]",
  summary: "Counts the memory traffic of each layer, with static and with dynamic ranges.",
  details: `MODEL is ${names.join(", ")}, on batches of one image of
${size}×${size}×${channels} with ${classes} classes; data.classes=…, train.batch=… and model.width=… change that.

Figures are KB of 1024 bytes for one image. "static" and "dynamic" are the minimum that a layer
moves, by the model of arXiv 2105.04246; "program" counts the buffers that qtrain's own steps bind.
Counting runs nothing and needs no GPU. --measure runs forward and backward on noise and adds the
time of each layer, in ms for a batch; --device and --no-tune apply to it only.`,
  options: OPTIONS,
  run,
});

async function run(args: Given): Promise<number> {
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
  const [name, overrides] = firstPositional(args, "traffic", "a model or a recipe");
  const square = input === undefined ? undefined : [input, input] as const;
  const { recipe, data } = Object.hasOwn(zoo, name)
    ? fromModelName(name, overrides, square)
    : await fromRecipe(name, overrides, square);
  const graph = graphOf(recipe, data, input), planned = planStaticAndDynamic(recipe, data);
  const measured = args.measure ? await measureAll(planned, data, args) : undefined;
  const report: TrafficReport = {
    name: "name" in recipe.model ? recipe.model.name : recipe.name,
    data,
    batch: recipe.train.batch,
    layers: summarize(graph),
    traffic: modelTraffic(graph),
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

/** The recipe to count and the shape of its images. */
interface Subject {
  readonly recipe: Recipe;
  readonly data: DataShape;
}

function fromModelName(
  name: string,
  overrides: readonly string[],
  square: Pair | undefined,
): Subject {
  // No data is read: idx accepts any size and any number of classes.
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

async function fromRecipe(
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
  const given = await loadRecipe(path, overrides), data = await shapeOf(given);
  const recipe = withBatch(given, data);
  return {
    recipe,
    data: square ? { ...data, shape: [...square, data.shape[2]] } : data,
  };
}

function graphOf(recipe: Recipe, data: DataShape, input: number | undefined): Graph {
  try {
    return buildGraph(layersOf(recipe, data), data.shape, data.classes);
  } catch (error) {
    if (input === undefined || !(error instanceof ModelError)) throw error;
    throw new UsageError(`--input ${input}: ${error.message}`);
  }
}

async function measureAll(
  planned: StaticAndDynamic,
  data: DataShape,
  args: Given,
): Promise<Measured> {
  if (!planned.static) {
    throw new ModelError(`--measure: ${planned.problems.join("; ")}`);
  }
  printError("compiling the kernels, then timing each layer; a large network takes minutes");
  const all = [planned.static, ...(planned.dynamic ? [planned.dynamic] : [])];
  try {
    const { adapter, times } = await measureLayers(
      all,
      data,
      args["no-tune"] ? "default" : "timed",
    );
    return { adapter, static: times[0]!, ...(times[1] ? { dynamic: times[1] } : {}) };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    throw new DeviceError(`--measure: ${error.message}`);
  }
}

/** Times of the layers. */
interface Measured {
  readonly adapter: string;
  readonly static: ReadonlyMap<string, LayerTime>;
  readonly dynamic?: ReadonlyMap<string, LayerTime>;
}

/** The result of the command. */
interface TrafficReport {
  readonly name: string;
  readonly data: DataShape;
  readonly batch: number;
  readonly layers: readonly Layer[];
  /** In the order of `layers`. */
  readonly traffic: readonly LayerTraffic[];
  /** The traffic of each planned program; absent if it cannot be planned. */
  readonly programs: { readonly static?: ProgramTraffic; readonly dynamic?: ProgramTraffic };
  /** Why a program is absent. */
  readonly problems: readonly string[];
  readonly measured?: Measured;
}

type Section = "forward" | "backward";

/** A quantity with static and with dynamic ranges; null if unknown. */
interface StaticDynamic {
  readonly static: number | null;
  readonly dynamic: number | null;
}

/** Totals over some layers in one section: by the model, by the program, and measured. */
interface Figures {
  readonly model: StaticDynamicBytes;
  readonly program: StaticDynamic;
  /** Nanoseconds. */
  readonly time?: StaticDynamic;
}

function figures(report: TrafficReport, rows: readonly LayerTraffic[], section: Section): Figures {
  const { programs, measured } = report;
  const both = (
    of: (ranges: "static" | "dynamic") => ReadonlyMap<string, LayerTime> | undefined,
  ): StaticDynamic => {
    const total = (ranges: "static" | "dynamic") => {
      const layers = of(ranges);
      if (!layers) return null;
      return rows.reduce((n, { layer }) => n + (layers.get(layer)?.[section] ?? 0), 0);
    };
    return { static: total("static"), dynamic: total("dynamic") };
  };
  return {
    model: sumBytes(rows.map((row) => row[section])),
    program: both((ranges) => programs[ranges]?.layers),
    ...(measured ? { time: both((ranges) => measured[ranges]) } : {}),
  };
}

/** The sums under each table, each with a test of which layers belong to it. */
const TOTALS = [
  ["convolutions, linear", ({ group }: LayerTraffic) => group === "convolution"],
  ["others", ({ group }: LayerTraffic) => group === "other"],
  ["everything quantized", () => true],
] as const;

/** Two tables: forward and backward. */
function asText(report: TrafficReport): string {
  const { name, data, batch, layers, measured, problems, programs } = report;
  const parameters = withThousands(layers.reduce((n, l) => n + l.parameters, 0));
  const notes = [
    ...problems.map((problem) => `program: ${problem}`),
    ...(programs.static ? [otherTraffic(programs.static)] : []),
  ];
  return [
    settingsTable([
      ["network", `${name}: ${parameters} parameters`],
      ["images", `${data.shape.join("×")}, ${data.classes} classes, batch ${batch}`],
      ...(measured ? [["measured on", measured.adapter] as const] : []),
    ]),
    "",
    sectionTable(report, "forward"),
    "",
    sectionTable(report, "backward"),
    ...(notes.length > 0 ? ["", ...notes] : []),
  ].join("\n");
}

/** The program's traffic outside of these layers. */
function otherTraffic({ sections, layers }: ProgramTraffic): string {
  const { forward: _, backward: __, ...others } = sections;
  const all = { input: layers.get("input")!.forward, ...others };
  const words = Object.entries(all).map(([what, bytes]) => `${what} ${kb(bytes)}`);
  return `program, outside of these layers: ${words.join(", ")}`;
}

function sectionTable(report: TrafficReport, section: Section): string {
  const cells = ({ model, program, time }: Figures) => [
    kb(model.static),
    kb(model.dynamic),
    more(model),
    kb(program.static),
    kb(program.dynamic),
    more(program),
    ...(time ? [ms(time.static), ms(time.dynamic), more(time)] : []),
  ];
  const rows = report.layers.map(({ name, kind, output }, i) => [
    name,
    kind,
    output.join("×"),
    ...cells(figures(report, [report.traffic[i]!], section)),
  ]);
  const totals = TOTALS.map(([name, belongs]) => [
    name,
    "",
    "",
    ...cells(figures(report, report.traffic.filter(belongs), section)),
  ]);
  const headers = ["static", "dynamic", "more", "program", "program dyn.", "more"];
  if (report.measured) headers.push("ms", "ms dyn.", "more");
  return table(
    [section, "KB of one image", "output", ...headers],
    [...rows, [], ...totals],
    ["left", "left", "left", ...headers.map(() => "right" as const)],
  );
}

const kb = (bytes: number | null) => bytes === null ? "–" : (bytes / 1024).toFixed(1);
const ms = (ns: number | null) => ns === null ? "–" : (ns / 1e6).toFixed(3);

/** How much more dynamic ranges need than static ones. */
function more({ static: a, dynamic: b }: StaticDynamic): string {
  if (a === null || b === null || a === 0) return "–";
  const share = percent(b / a - 1, 0);
  return share.startsWith("-") ? share : `+${share}`;
}

/** JSON: bytes of one image, nanoseconds of a batch. */
function asJson(report: TrafficReport): unknown {
  const { name, data, batch, layers, traffic, programs, problems, measured } = report;
  const of = (rows: readonly LayerTraffic[]) => ({
    forward: figures(report, rows, "forward"),
    backward: figures(report, rows, "backward"),
  });
  return {
    name,
    input: data.shape,
    classes: data.classes,
    batch,
    parameters: layers.reduce((n, l) => n + l.parameters, 0),
    adapter: measured?.adapter ?? null,
    layers: layers.map((layer, i) => ({
      ...layer,
      group: traffic[i]!.group,
      ...of([traffic[i]!]),
    })),
    totals: {
      convolutions: of(traffic.filter(TOTALS[0][1])),
      others: of(traffic.filter(TOTALS[1][1])),
      everything: of(traffic),
    },
    program_sections: {
      static: programs.static?.sections ?? null,
      dynamic: programs.dynamic?.sections ?? null,
    },
    problems,
  };
}
