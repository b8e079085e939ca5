/**
 * `qtrain check`: prints the plan of a recipe without running it.
 *
 * @module
 */
import type { Dataset } from "../lib/data/dataset.ts";
import { isDataThere } from "../lib/data/paths/find_data.ts";
import { leftOutOfEpochs, RandomSampler } from "../lib/data/sampler.ts";
import { bytesOf, operandsBytes } from "../lib/program/memory/bytes.ts";
import { type PeakMemory, peakMemory } from "../lib/program/memory/peak.ts";
import { type Layer, parameterCount } from "../lib/program/summary.ts";
import { float32Memory } from "../lib/program/float32_memory.ts";
import { type Program } from "../lib/program/program.ts";
import { cpuMemory } from "../lib/program/memory/cpu_memory.ts";
import { threadsWithin, tooLarge } from "../lib/runtime/cpu/memory.ts";
import { cpuSupport, threadsOf } from "../lib/runtime/cpu/support.ts";
import { loadRecipe } from "../lib/recipe/load.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import type { InitialWeights } from "../lib/train/checkpoint/init.ts";
import { prepareProgram, prepareTraining } from "../lib/train/prepare.ts";
import type { RankPlan } from "../lib/train/rank_plan.ts";
import { plannedRanks, rankJson, rankRows, RANKS } from "./check_ranks.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { completeShape } from "./data_shape.ts";
import { bytes, settingsTable, table, withThousands } from "./format.ts";
import { JSON_OUTPUT, THREADS } from "./options.ts";
import { print, printError, printJson } from "./print.ts";
import { Progress } from "./progress.ts";
import {
  arithmetic,
  describeData,
  layout,
  length,
  microBatches,
  network,
  recomputing,
} from "./settings.ts";

/** The largest buffer binding that every WebGPU device supports, in bytes. */
const BASE_BINDING = 128 * 2 ** 20;

const OPTIONS = { mpi: RANKS, threads: THREADS, json: JSON_OUTPUT } as const satisfies Options;

/** `qtrain check`. */
export const checkCommand = defineCommand({
  name: "check",
  synopsis: "qtrain check recipe.yaml [key=value …]",
  summary: "Prints the plan of a recipe (layers, shapes, parameters, memory) without running it.",
  details:
    `Needs no GPU. Refuses what training refuses before its first step: data that is missing or does
not fit, fewer images than a batch, initial weights of another network, shapes that do not fit, too
little memory. Images are counted, not decoded. If there is nothing at data.root, and the recipe gives
data.classes and data.size (with data.format: npz, data.channels too), only the plan is printed.
Memory counts every buffer that training allocates, on a GPU and on the CPU, where each thread has
scratch memory of its own. With --mpi K, the plan is that of each of K ranks (docs/distributed.md).`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, overrides] = firstPositional(args, "check", "a recipe");
  const recipe = await loadRecipe(path, overrides);
  const progress = new Progress();
  const prepared = await prepare(
    recipe,
    args.mpi !== undefined || recipe.distributed.wire === "int8",
    progress,
  )
    .finally(() => progress.done());
  const planned: Planned = {
    ...prepared,
    ranks: plannedRanks(prepared.program, args.mpi),
    autoBatch: recipe.train.batch === 0,
    float32: float32Memory(prepared.recipe, prepared.shape),
    // No kernel runs here, so a runtime without SIMD will do.
    threads: threadsOf(args.threads, { ...cpuSupport(), simd: true }),
  };
  if (args.json) printJson(asJson(planned), 2);
  else print(asText(planned));
  return 0;
}

/** Prepares training, without the data if it is not there and the recipe states its shape. */
async function prepare(recipe: Recipe, exchanges: boolean, progress: Progress) {
  const { root } = recipe.data;
  const stated = completeShape(recipe);
  if (!stated || root === "" || await isDataThere(root, recipe.pathScope)) {
    const { data, classWeights: _, ...rest } = await prepareTraining(recipe, {
      exchanges,
      warn: (text) => progress.error(text),
      progress: (text) => progress.live(text),
    });
    return { data, shape: data, ...rest };
  }
  return {
    data: undefined,
    shape: stated,
    ...await prepareProgram(recipe, stated, { exchanges, warn: printError }),
  };
}

interface Planned {
  /** Whether the batch was chosen by the memory. */
  readonly autoBatch: boolean;
  /** The plan of each rank, where there are several. */
  readonly ranks: RankPlan | undefined;
  readonly recipe: Recipe;
  /** The data; `undefined` if it is not there. */
  readonly data: Dataset | undefined;
  readonly initial: InitialWeights | undefined;
  readonly program: Program;
  readonly layers: readonly Layer[];
  /** Bytes that the same recipe needs in float32. */
  readonly float32: number;
  /** Threads of the CPU. */
  readonly threads: number;
}

/** The images, and those that each epoch leaves out, as rows. */
function images({ recipe, data, program }: Planned): [string, string][] {
  if (!data) {
    return [["data", `not looked at, as nothing is at ${recipe.data.root}: only planned`]];
  }
  const left = leftOut(recipe, data);
  return [
    ["data", describeData(recipe, program, data.train.count, data.test.count)],
    ...layout(data),
    ...(left ? [["left out", left.text] as [string, string]] : []),
  ];
}

function leftOut({ train: { batch, micro_batch } }: Recipe, { train }: Dataset) {
  return leftOutOfEpochs(train.count, batch, micro_batch);
}

/** Number of steps of the run; `undefined` without its data. */
function stepsOf({ recipe: { train }, data }: Planned): number | undefined {
  if (!data || train.time > 0) return undefined;
  const { stepsPerEpoch } = new RandomSampler(data.train.count, train.batch, 1);
  return Math.min(train.epochs * stepsPerEpoch, train.max_steps || Infinity);
}

/** A batch that `auto` chose. */
function chosenBatch({ memory, train: { batch } }: Recipe): string {
  return `auto: ${batch} images` + (memory > 0 ? `, chosen for ${bytes(memory)}` : "") +
    `; a run keeps it, and the learning rate does not follow it`;
}

/** Planned memory, e.g. `8.7 MiB (float32: 27.3 MiB; a buffer for each tensor: 20.9 MiB)`. */
function memoryLine(
  { recipe: { memory }, program, float32 }: Planned,
  { total, staging }: PeakMemory,
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

/** The CPU executor's memory, e.g. `8.9 MiB with 2 threads (8.5 MiB, and 192 KiB for each thread)`. */
function cpuLine({ program, threads }: Planned): string {
  const { shared, thread, total } = cpuMemory(program, threads);
  return `${bytes(total)} with ${threads} ${threads === 1 ? "thread" : "threads"} ` +
    `(${bytes(shared)}, and ${bytes(thread)} for each thread)`;
}

/** What keeps this plan from some devices. */
function notes({ recipe: { memory }, program, threads }: Planned): string[] {
  const found: string[] = [];
  const largest = program.buffers.reduce((a, b) => b.bytes > a.bytes ? b : a);
  if (largest.bytes > BASE_BINDING) {
    found.push(
      `buffer ${largest.name} needs ${bytes(largest.bytes)}, more than the ${
        bytes(BASE_BINDING)
      } that every GPU supports; reduce train.batch or train.micro_batch`,
    );
  }
  const beyond = tooLarge(cpuMemory(program, threads).total);
  if (beyond !== undefined) found.push(beyond);
  const within = threadsWithin(program, threads, memory);
  if (within < threads) {
    found.push(`memory: on the CPU the limit leaves room for ${within} of ${threads} threads`);
  }
  return found;
}

function asText(planned: Planned): string {
  const { recipe, program, layers } = planned;
  const shape = (s: readonly number[]) => `[${s.join(", ")}]`;
  const rows = layers.map((l) => [l.name, l.kind, shape(l.output), withThousands(l.parameters)]);
  const peak = peakMemory(program);
  const memory = Object.entries(peak).map(([kind, n]) => [kind, bytes(n)]);
  return [
    settingsTable([
      ["network", network(recipe, program)],
      ...images(planned),
      ...arithmetic(recipe),
      ["length", length(recipe.train, stepsOf(planned))],
      ...(planned.autoBatch ? [["batch", chosenBatch(recipe)] as [string, string]] : []),
      ...microBatches(program),
      ["memory", memoryLine(planned, peak)],
      ["on the CPU", cpuLine(planned)],
      ...rankRows(planned.ranks, program, recipe),
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
    ...notes(planned),
    ...planned.initial?.notes ?? [],
  ].join("\n");
}

function asJson(planned: Planned): unknown {
  const { recipe, data, program, layers, float32, threads, initial } = planned;
  return {
    name: recipe.name,
    train_images: data?.train.count ?? null,
    test_images: data?.test.count ?? null,
    left_out_of_epochs: data ? leftOut(recipe, data)?.images ?? 0 : null,
    arithmetic: program.arithmetic,
    steps: stepsOf(planned) ?? null,
    batch: program.batch * program.micros,
    micro_batch: program.batch,
    input: program.input,
    classes: program.classes,
    layers,
    parameters: parameterCount(program),
    memory: peakMemory(program),
    memory_float32: float32,
    memory_cpu: { threads, ...cpuMemory(program, threads) },
    memory_allowed: recipe.memory,
    recomputed: program.recomputed ?? [],
    ...rankJson(planned.ranks),
    ...(data?.layout === undefined ? {} : { layout: data.layout }),
    notes: initial?.notes ?? [],
  };
}
