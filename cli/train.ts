/**
 * `qtrain recipe.yaml`: trains and shows the progress.
 *
 * @module
 */
import { SystemError } from "../lib/core/errors.ts";
import { shellWord } from "../lib/core/text.ts";
import { leftOutOfEpochs } from "../lib/data/sampler.ts";
import type { EvaluationRecord } from "../lib/metrics/evaluation_record.ts";
import { classFigures } from "../lib/metrics/prediction_metrics.ts";
import { loadRecipe } from "../lib/recipe/load.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import type { StartEvent, StepEvent, Summary, TrainEvent } from "../lib/train/events.ts";
import type { TrainOptions } from "../lib/train/options.ts";
import { train } from "../lib/train/train.ts";
import { REPORT_FILE } from "../lib/view/report_file.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { classSummary } from "./class_report.ts";
import { epochLine, percent, rate, settingsTable, stepLine } from "./format.ts";
import { EpochTable } from "./epoch_table.ts";
import { INTERRUPTED, listenForInterrupt } from "./interrupt.ts";
import { jsonEvent } from "./json_events.ts";
import { OPEN, PORT, TrainingView } from "./live_view.ts";
import { MPI, onRank, type RankGroup } from "./mpi.ts";
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
import { Progress, type ProgressMode } from "./progress.ts";
import { settings } from "./settings.ts";
import { Sparkline } from "./sparkline.ts";
import { hasBlocks } from "./terminal.ts";

/** Share of the training images that is worth a warning; the table of settings tells any. */
const MIN_LEFT_OUT = 0.01;

/** Exit codes of runs that ended so. */
const EXIT_CODES = { done: 0, diverged: 1, interrupted: INTERRUPTED } as const satisfies Record<
  Summary["status"],
  number
>;

const OPTIONS = {
  out: { type: "string", usage: "--out DIR", help: "the run's folder (default: runs/NAME)" },
  resume: { type: "boolean", usage: "--resume", help: "resume the run in that folder" },
  device: DEVICE,
  threads: THREADS,
  "no-tune": NO_TUNE,
  mpi: MPI,
  watch: { type: "boolean", usage: "--watch", help: "show the run in a browser as it goes on" },
  port: PORT,
  open: OPEN,
  json: JSON_OUTPUT,
  quiet: QUIET,
} as const satisfies Options;

/** `qtrain train`, the default command. */
export const trainCommand = defineCommand({
  name: "train",
  synopsis: "qtrain recipe.yaml [key=value …]",
  summary: "Trains the network of a recipe.",
  details: `key=value sets any field of the recipe by its dotted path, e.g. train.epochs=1.

The run's folder holds the recipe with every default, metrics, ranges, checkpoints and a summary.
If runs/NAME exists, the default is runs/NAME-2, and so on. Ctrl-C stops after the steps in
progress and saves a checkpoint; --resume continues from it, as it does after a kill at any moment.

--watch prints an address at which a browser shows the run as it goes on, as qtrain watch does. It ends
with the run. It needs the permission to listen on 127.0.0.1, which \`deno task live\` has.

On a GPU, the first runs spend a second or two choosing the fastest tiles before the first step. The
choice is cached and does not change results; --no-tune keeps the defaults. Where there is a hardware
GPU, auto times a step on it and on the CPU and takes the faster; --no-tune takes the GPU.

--mpi trains on the K processes of \`mpirun -n K deno task mpi recipe.yaml --mpi\` (or srun), and ends in
the same bits for any K that divides the micro-batches; docs/distributed.md says how, on which hosts.

Exit codes: 0 done, 1 failed, 2 wrong usage, recipe or data, 130 interrupted.`,
  options: OPTIONS,
  run,
});

function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  return onRank(args.mpi, async (group) => {
    const [path, overrides] = firstPositional(args, "train", "a recipe");
    const mode = progressMode(args);
    const common = {
      ...deviceOptions(args),
      resume: args.resume ?? false,
      tiles: args["no-tune"] ? "default" : "timed",
      selfTest: true,
      watchdog: true,
    } as const;
    const recipe = await loadRecipe(path, overrides);
    if (group && !group.speaks) return await trainSilently(recipe, { ...common, group });
    return await trainAndShow(recipe, { common, mode, args, group });
  });
}

/** Trains as one of the ranks that print nothing and have no folder. @returns the exit code */
async function trainSilently(
  recipe: Recipe,
  { group: { ranks }, ...options }: TrainOptions & { readonly group: RankGroup },
): Promise<number> {
  using interrupt = listenForInterrupt(() => {});
  let status: Summary["status"] = "done";
  const { signal } = interrupt;
  for await (const event of train(recipe, { ...options, signal, distributed: ranks })) {
    if (event.type === "end") status = event.summary.status;
  }
  return EXIT_CODES[status];
}

/** Trains and shows it, alone or as the rank that speaks for all. @returns the exit code */
async function trainAndShow(
  recipe: Recipe,
  { common, mode, args, group }: {
    readonly common: TrainOptions & { readonly resume: boolean };
    readonly mode: ProgressMode;
    readonly args: Arguments<typeof OPTIONS>;
    readonly group: RankGroup | undefined;
  },
): Promise<number> {
  const { resume } = common;
  const folder = await RunFolder.create({ out: args.out, name: recipe.name, resume });
  const progress = new Progress({ mode });
  const before = resume ? await stepsOfDone(folder) : undefined;
  await using view = await TrainingView.prepare(args, progress);
  using interrupt = listenForInterrupt((text) => progress.error(text));
  if (group?.note !== undefined) progress.error(group.note);
  let start: StartEvent | undefined, evaluation: EvaluationRecord | undefined;
  let summary: Summary | undefined;
  const display = new Display(progress, folder, group);
  const lines = args.json ? new JsonLines(folder.path, progress) : undefined;
  try {
    for await (
      const event of train(recipe, {
        ...common,
        folder,
        ...(group ? { distributed: group.ranks } : {}),
        signal: interrupt.signal,
        warn: (text) => progress.error(text),
        progress: (text) => progress.live(text),
      })
    ) {
      lines?.print(event);
      // A run that recovers from a lost adapter starts again with the same settings.
      if (event.type !== "start" || !start) display.show(event);
      if (event.type === "start" && !start) {
        start = event;
        await view?.show(folder.path);
        warnOfLeftOut(event, progress);
        warnOfWarmup(event, progress);
      }
      if (event.type === "epoch") evaluation = event.evaluation;
      if (event.type === "end") summary = event.summary;
    }
    // Behind the last event the report is written.
    if (!summary) throw new Error("training ended without a summary");
    progress.done();
    if (evaluation && summary.status === "done") showClasses(evaluation, progress);
    if (!args.json) print(result(summary, folder.path));
    const wasDone = before !== undefined && summary.steps === before;
    await reportOutcome(summary, start!, { folder, wasDone, args, progress, group });
    return EXIT_CODES[summary.status] || (lines?.failed ? 1 : 0);
  } finally {
    progress.done();
  }
}

/** Steps of a run that is done already. */
async function stepsOfDone(folder: RunFolder): Promise<unknown> {
  const summary = await folder.readSummary().catch(() => undefined);
  return summary?.status === "done" ? summary.steps : undefined;
}

/** Events as JSON lines on stdout. If these cannot be written, the run goes on without them. */
class JsonLines {
  /** Whether stdout failed. */
  failed = false;

  #folder: string;
  #progress: Progress;

  constructor(folder: string, progress: Progress) {
    this.#folder = folder;
    this.#progress = progress;
  }

  print(event: TrainEvent): void {
    if (this.failed) return;
    try {
      printJson(jsonEvent(event, this.#folder));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.failed = true;
      this.#progress.error(`${error.message}. Training goes on; its log is in ${this.#folder}`);
    }
  }
}

/** Says how many images each epoch leaves out, if they are more than a few. */
function warnOfLeftOut(start: StartEvent, progress: Progress): void {
  const { recipe: { train }, trainImages, resumedFrom } = start;
  const left = leftOutOfEpochs(trainImages, train.batch, train.micro_batch);
  if (left && left.share >= MIN_LEFT_OUT && resumedFrom === 0) progress.error(left.text);
}

/** Says that the warm-up takes all steps, as in a first short try of a recipe for a long training. */
function warnOfWarmup({ recipe: { train }, steps }: StartEvent, progress: Progress): void {
  const { schedule: { warmup_steps: warmup }, optimizer: { lr }, time, max_steps: most } = train;
  // Who limits the steps knows how few they are.
  if (time > 0 || most > 0 || warmup < steps) return;
  progress.error(
    `train.schedule.warmup_steps: all ${steps} steps are warm-up, so the learning rate does not reach ` +
      `${lr}; a tenth would be train.schedule.warmup_steps=${Math.max(1, Math.floor(steps / 10))}`,
  );
}

/** Shows a run: on a terminal as a table of epochs above a live line, else as plain lines. */
class Display {
  readonly #table = new EpochTable();
  /** The course of the training loss. */
  readonly #course = hasBlocks() ? new Sparkline() : undefined;
  #step: StepEvent | undefined;

  constructor(
    readonly progress: Progress,
    readonly folder: RunFolder,
    readonly group: RankGroup | undefined,
  ) {}

  show(event: TrainEvent): void {
    const { progress, folder } = this, { columns } = progress;
    switch (event.type) {
      case "start":
        return progress.print(settingsTable(settings(event, folder.path, this.group)));
      case "step":
        this.#step = event;
        if (columns === undefined) return progress.live(() => stepLine(event));
        this.#course?.add(event.loss);
        return progress.live(() => stepLine(event, columns, this.#course));
      case "epoch":
        if (columns === undefined) return progress.print(epochLine(event));
        return progress.print(this.#table.lines(event, this.#step, columns));
    }
  }
}

/** Prints top-5, calibration, the weakest classes and those confused most, of the last evaluation. */
function showClasses(record: EvaluationRecord, progress: Progress): void {
  const { classes, confusion, top5, calibration_error } = record;
  const shares = top5 === undefined ? "" : `top-5 accuracy ${percent(top5, 2)}, `;
  progress.print(`${shares}calibration error ${percent(calibration_error, 2)}`);
  const figures = classFigures(classes.length, confusion);
  for (const line of classSummary({ classNames: classes, classFigures: figures, confusion })) {
    progress.print(line);
  }
}

/** The result of a run, for stdout. */
function result(summary: Summary, folder: string): string {
  const { test_accuracy: accuracy, images_per_second: speed } = summary;
  const figures = summary.status === "done" && accuracy !== null
    ? `test accuracy ${percent(accuracy, 2)}`
    : `${summary.status} after ${summary.steps} step${summary.steps === 1 ? "" : "s"}`;
  return [
    speed > 0 ? `${figures}, ${rate(speed)} img/s` : figures,
    `the run's folder is ${folder}`,
  ].join("\n");
}

/** Why a run has ended before its last epoch. */
function earlyEnd(
  { epoch, best_epoch }: NonNullable<Summary["stopped_early"]>,
  { train: { patience } }: Recipe,
): string {
  return `ended after epoch ${epoch}: no higher test accuracy since epoch ${best_epoch} ` +
    `(train.patience: ${patience})`;
}

/** Reports how the run ended and what to do next. */
async function reportOutcome(
  summary: Summary,
  { recipe }: StartEvent,
  { folder, wasDone, args, progress, group }: {
    readonly folder: RunFolder;
    /** Whether the run had ended before, after as many steps. */
    readonly wasDone: boolean;
    readonly args: Arguments<typeof OPTIONS>;
    readonly progress: Progress;
    readonly group: RankGroup | undefined;
  },
): Promise<void> {
  const { device, threads, "no-tune": noTune } = args;
  // The recipe in the folder includes the overrides.
  const run = shellWord(folder.path);
  const again =
    `${group?.program ?? PROGRAM} ${
      shellWord(`${folder.path}/recipe.yaml`)
    } --out ${run} --resume` +
    (device ? ` --device ${device}` : "") + (threads ? ` --threads ${threads}` : "") +
    (noTune ? " --no-tune" : "") + (group ? " --mpi" : "");
  const { status, steps, reason, best_step, best_test_accuracy, stopped_early: early } = summary;
  const report = `${folder.path}/${REPORT_FILE}`;
  if (await Deno.stat(report).then(() => true, () => false)) {
    progress.print(`the report is ${report}`);
  }
  switch (status) {
    case "done": {
      if (wasDone) progress.print(`this run is already finished; nothing changed`);
      if (early) {
        progress.print(earlyEnd(early, recipe));
        progress.print(`to go on: ${again} train.patience=0`);
      }
      progress.print(`next: ${PROGRAM} eval ${run}`);
      progress.print(`      ${PROGRAM} predict ${run} IMAGE`);
      progress.print(`      ${PROGRAM} export ${run} --out FILE.onnx`);
      if (best_step !== null && best_step !== steps) {
        const accuracy = percent(best_test_accuracy ?? NaN, 2);
        progress.print(
          `the best test accuracy was ${accuracy}, after step ${best_step} (use --best)`,
        );
      }
      return;
    }
    case "interrupted":
      return progress.error(`interrupted after step ${steps}; resume with: ${again}`);
    case "diverged": {
      const [newest] = await folder.checkpoints();
      progress.error(
        `diverged at ${reason}. ` +
          (newest ? `The last good checkpoint is ${newest.path}` : `There is no checkpoint yet`),
      );
    }
  }
}
