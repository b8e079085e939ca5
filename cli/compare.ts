/**
 * `qtrain compare`: the same recipe over estimators and seeds, with a table and plots.
 *
 * @module
 */
import { CompareFolder } from "../lib/compare/folder.ts";
import {
  buildGrid,
  type Cell,
  DEFAULT_ESTIMATORS,
  type Grid,
  rowName,
} from "../lib/compare/grid.ts";
import type { Report } from "../lib/compare/report.ts";
import { notes, textTable } from "../lib/compare/table.ts";
import { UsageError } from "../lib/core/errors.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import { readText } from "../lib/recipe/read_text.ts";
import type { Summary } from "../lib/train/events.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { train } from "../lib/train/train.ts";
import { type Command, first } from "./command.ts";
import { epochLine, percent, table } from "./format.ts";
import { INTERRUPTED, listenForInterrupt } from "./interrupt.ts";
import { liveStep } from "./live_step.ts";
import { type Arguments, progressMode, tilesOf } from "./options.ts";
import { print, printJson, PROGRAM } from "./print.ts";
import { Progress } from "./progress.ts";

/** The command. */
export const compareCommand: Command = {
  name: "compare",
  usage: "qtrain compare recipe.yaml [key=value …] [--estimators LIST] [--seeds LIST] " +
    "[--vary key=LIST] …",
  summary: "Trains the same recipe over estimators and seeds; writes a table and plots.",
  details: `--estimators is a list between commas (default: ${DEFAULT_ESTIMATORS}):
  float32            no quantizers, the baseline
  NAME               sets the estimator of activations and of gradients
  LABEL:key=value,…  sets what you write, as far as the next name or label; no commas in values,
                     e.g. --estimators float32,G4:quantize.gradients.bits=4,hindsight-minmax
--vary train.lr=0.1,0.05 runs all of that with each value. Where only one key under train is
called lr, train.lr stands for train.optimizer.lr.

DIR (default: runs/NAME-compare) gets a run's folder for each, and after every run compare.json,
compare.md and compare.html. Called again it goes on: what is finished is kept. Ctrl-C ends the
run in progress after the steps in flight, with a checkpoint.

Exit codes: 0 done, 1 a run failed or diverged, 2 wrong usage, recipe or data, 130 interrupted.`,
  options: ["estimators", "seeds", "vary", "out", "device", "no-tune", "json", "quiet"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const [path, overrides] = first(args, "compare", "a recipe");
  const mode = progressMode(args);
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
  const said = new Set<string>();
  const world: World = {
    folder,
    progress,
    signal: interrupt.signal,
    device: args.device,
    tiles: tilesOf(args, "timed"),
    warn: (line) => {
      // What is odd about the machine is odd in every run.
      if (!said.has(line)) progress.error(line);
      said.add(line);
    },
  };
  try {
    for (const [i, cell] of grid.cells.entries()) {
      if (await settle(i, cell, world) === "interrupted") {
        await folder.write();
        progress.done();
        const again = [path, ...overrides, ...givenOptions(args), "--out", folder.path];
        progress.error(
          `interrupted; ${folder.path}/compare.html has what is finished; ` +
            `go on with: ${PROGRAM} compare ${again.map(quoted).join(" ")}`,
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

interface World {
  readonly folder: CompareFolder;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly device: Arguments["device"];
  readonly tiles: ReturnType<typeof tilesOf>;
  readonly warn: (line: string) => void;
}

/** Sees to it that a run is done: keeps it, goes on with it or trains it. */
async function settle(
  i: number,
  cell: Cell,
  world: World,
): Promise<"done" | "diverged" | "interrupted"> {
  const { folder, progress, signal } = world;
  const title = `run ${i + 1}/${folder.grid.cells.length}: ${cellName(folder.grid, cell)}`;
  const { status, test_accuracy: accuracy } = folder.run(i).record;
  if (status === "done" || status === "diverged") {
    const was = status === "done" ? `test acc ${percent(accuracy ?? NaN, 2)}` : `diverged`;
    progress.print(`${title} | kept, ${was}`);
    return status;
  }
  if (signal.aborted) return "interrupted";
  progress.print(title);
  const summary = await trainRun(cell, world);
  await folder.refresh(i);
  await folder.write();
  if (summary.status === "diverged") {
    progress.error(`diverged at ${summary.reason}. The other runs go on`);
  }
  return summary.status;
}

/** Trains a run, from its newest checkpoint where it has begun. */
async function trainRun(
  cell: Cell,
  { folder, progress, signal, device, tiles, warn }: World,
): Promise<Summary> {
  const out = `${folder.path}/${cell.folder}`;
  const run = await RunFolder.create({ out, name: cell.recipe.name, resume: true });
  const resume = await run.readRecipe() !== undefined;
  let summary: Summary | undefined;
  for await (
    const event of train(cell.recipe, {
      folder: run,
      resume,
      ...(device ? { device } : {}),
      ...tiles,
      selfTest: true,
      watchdog: true,
      signal,
      warn,
    })
  ) {
    if (event.type === "start" && event.resumedFrom > 0) {
      progress.print(`goes on after step ${event.resumedFrom}`);
    } else if (event.type === "step") {
      progress.live(() => liveStep(event));
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

/** What is printed at the end. */
function result(report: Report, folder: string): string {
  const { headers, rows, alignments } = textTable(report);
  return [
    table(headers, rows, alignments),
    "",
    ...notes(report),
    `The report is ${folder}/compare.html`,
  ].join("\n");
}

function givenOptions(args: Arguments): string[] {
  const { estimators, seeds, vary, device } = args;
  return [
    ...(estimators === undefined ? [] : ["--estimators", estimators]),
    ...(seeds === undefined ? [] : ["--seeds", seeds]),
    ...(vary ?? []).flatMap((text) => ["--vary", text]),
    ...(device === undefined ? [] : ["--device", device]),
    ...(args["no-tune"] ? ["--no-tune"] : []),
  ];
}

/** An argument as a shell takes it. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
