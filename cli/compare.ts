/**
 * `qtrain compare`: trains a recipe with several estimators and seeds; writes a table and plots.
 *
 * @module
 */
import { CompareFolder } from "../lib/compare/folder.ts";
import {
  buildGrid,
  type Cell,
  DEFAULT_ESTIMATORS,
  DEFAULT_SEEDS,
  type Grid,
  rowName,
} from "../lib/compare/grid.ts";
import type { CompareReport } from "../lib/compare/report.ts";
import { compareNotes, compareTable } from "../lib/compare/table.ts";
import { UsageError } from "../lib/core/errors.ts";
import { shellWord } from "../lib/core/text.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import { readText } from "../lib/recipe/read_text.ts";
import type { Summary } from "../lib/train/events.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { train } from "../lib/train/train.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { epochLine, percent, stepLine, table } from "./format.ts";
import { INTERRUPTED, listenForInterrupt } from "./interrupt.ts";
import {
  DEVICE,
  deviceOptions,
  JSON_OUTPUT,
  NO_TUNE,
  progressMode,
  QUIET,
  THREADS,
} from "./options.ts";
import { print, printJson, PROGRAM } from "./print.ts";
import { Progress } from "./progress.ts";

const OPTIONS = {
  estimators: {
    type: "string",
    usage: "--estimators LIST",
    help: `what to compare (default: ${DEFAULT_ESTIMATORS})`,
  },
  seeds: {
    type: "string",
    usage: "--seeds LIST",
    help: `the seeds of the runs, e.g. 1,2,3 (default: ${DEFAULT_SEEDS})`,
  },
  vary: {
    type: "string",
    usage: "--vary key=LIST",
    help: "values of a recipe's key to compare as well",
    repeats: true,
  },
  out: {
    type: "string",
    usage: "--out DIR",
    help: "the folder of the comparison (default: runs/NAME-compare)",
  },
  device: DEVICE,
  threads: THREADS,
  "no-tune": NO_TUNE,
  json: JSON_OUTPUT,
  quiet: QUIET,
} as const satisfies Options;

type Given = Arguments<typeof OPTIONS>;

/** `qtrain compare`. */
export const compareCommand = defineCommand({
  name: "compare",
  synopsis: "qtrain compare recipe.yaml [key=value …]",
  summary: "Trains a recipe with several estimators and seeds; writes a table and plots.",
  details: `LIST is separated by commas. An entry of --estimators is one of
  float32            no quantizers: the baseline
  NAME               sets the estimator of activations and gradients
  LABEL:key=value,…  sets these keys, up to the next name or label; values without commas
e.g. --estimators float32,G4:quantize.gradients.bits=4,hindsight-minmax
--vary train.lr=0.1,0.05 repeats all of them with each value. If only one key under train is called
lr, train.lr is short for train.optimizer.lr.

The folder holds one run's folder for each combination, and compare.json, compare.md and
compare.html, which are written after every run. The same command again resumes: finished runs are
kept. Ctrl-C stops the run in progress after its steps in progress and saves a checkpoint.

Exit codes: 0 done, 1 a run failed or diverged, 2 wrong usage, recipe or data, 130 interrupted.`,
  options: OPTIONS,
  run,
});

async function run(args: Given): Promise<number> {
  const [path, overrides] = firstPositional(args, "compare", "a recipe");
  const mode = progressMode(args), device = deviceOptions(args);
  const seed = overrides.find((text) => /^\s*seed\s*=/.test(text));
  if (seed !== undefined) {
    throw new UsageError(
      `${seed}: expected --seeds ${seed.split("=")[1]}, got a seed for all runs`,
    );
  }
  const text = await readText(path);
  const grid = buildGrid((more) => parseRecipe(text, path, [...overrides, ...more]), args);
  const folder = await CompareFolder.open(args.out ?? `runs/${grid.name}-compare`, grid);
  await folder.write();

  const progress = new Progress({ mode });
  using interrupt = listenForInterrupt((line) => progress.error(line));
  const warned = new Set<string>();
  const context: RunContext = {
    folder,
    progress,
    signal: interrupt.signal,
    device,
    tiles: args["no-tune"] ? "default" : "timed",
    warn: (line) => {
      // Warnings about the machine are the same in every run.
      if (!warned.has(line)) progress.error(line);
      warned.add(line);
    },
  };
  try {
    await folder.expectSameData();
    for (const [i, cell] of grid.cells.entries()) {
      if (await completeRun(i, cell, context) === "interrupted") {
        await folder.write();
        progress.done();
        const words = [path, ...overrides].map((word) => shellWord(word));
        const again = [...words, ...givenOptions(args), "--out", shellWord(folder.path)];
        progress.error(
          `interrupted; ${folder.path}/compare.html has the finished runs; ` +
            `resume with: ${PROGRAM} compare ${again.join(" ")}`,
        );
        return INTERRUPTED;
      }
    }
    const report = await folder.write();
    progress.done();
    if (args.json) printJson(report, 2);
    else print(result(report, folder.path));
    return report.runs.some(({ status }) => status === "diverged") ? 1 : 0;
  } finally {
    progress.done();
  }
}

interface RunContext {
  readonly folder: CompareFolder;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly device: ReturnType<typeof deviceOptions>;
  readonly tiles: "default" | "timed";
  readonly warn: (line: string) => void;
}

/** Completes a run: keeps it if it has ended, else trains or resumes it. */
async function completeRun(
  i: number,
  cell: Cell,
  context: RunContext,
): Promise<"done" | "diverged" | "interrupted"> {
  const { folder, progress, signal } = context;
  const title = `run ${i + 1}/${folder.grid.cells.length}: ${cellName(folder.grid, cell)}`;
  const { status, test_accuracy: accuracy } = folder.run(i).record;
  if (status === "done" || status === "diverged") {
    const result = status === "done" ? `test acc ${percent(accuracy ?? NaN, 2)}` : "diverged";
    progress.print(`${title} | already done, ${result}`);
    return status;
  }
  if (signal.aborted) return "interrupted";
  progress.print(title);
  const summary = await trainRun(cell, context);
  await folder.refresh(i);
  await folder.write();
  if (summary.status === "diverged") {
    progress.error(`diverged at ${summary.reason}; continuing with the other runs`);
  }
  return summary.status;
}

/** Trains a run, from its latest checkpoint if there is one. */
async function trainRun(
  cell: Cell,
  { folder, progress, signal, device, tiles, warn }: RunContext,
): Promise<Summary> {
  const out = `${folder.path}/${cell.folder}`;
  const run = await RunFolder.create({ out, name: cell.recipe.name, resume: true });
  const resume = await run.readRecipe() !== undefined;
  let summary: Summary | undefined;
  for await (
    const event of train(cell.recipe, {
      folder: run,
      resume,
      ...device,
      tiles,
      selfTest: true,
      watchdog: true,
      signal,
      warn,
    })
  ) {
    if (event.type === "start" && event.resumedFrom > 0) {
      progress.print(`resuming after step ${event.resumedFrom}`);
    } else if (event.type === "step") {
      progress.live(() => stepLine(event));
    } else if (event.type === "epoch") progress.print(epochLine(event));
    else if (event.type === "end") summary = event.summary;
  }
  if (!summary) throw new Error("training ended without a summary");
  progress.done();
  return summary;
}

function cellName({ rows }: Grid, { row, seed }: Cell): string {
  return `${rowName(rows[row]!)}, seed ${seed}`;
}

/** The table and its notes, for stdout. */
function result(report: CompareReport, folder: string): string {
  const { headers, rows, alignments } = compareTable(report);
  return [
    table(headers, rows, alignments),
    "",
    ...compareNotes(report),
    `Report: ${folder}/compare.html`,
  ].join("\n");
}

/** The options to resume with, as words of a shell. */
function givenOptions(args: Given): string[] {
  const { estimators, seeds, vary, device, threads } = args;
  return [
    ...(estimators === undefined ? [] : ["--estimators", shellWord(estimators)]),
    ...(seeds === undefined ? [] : ["--seeds", shellWord(seeds)]),
    ...(vary ?? []).flatMap((text) => ["--vary", shellWord(text)]),
    ...(device === undefined ? [] : ["--device", device]),
    ...(threads === undefined ? [] : ["--threads", String(threads)]),
    ...(args["no-tune"] ? ["--no-tune"] : []),
  ];
}
