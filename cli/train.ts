/**
 * `qtrain recipe.yaml`: trains, and shows how it goes.
 *
 * @module
 */
import { loadRecipe } from "../lib/recipe/load.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import type { StartEvent, Summary, TrainEvent } from "../lib/train/events.ts";
import { train } from "../lib/train/train.ts";
import { type Command, first } from "./command.ts";
import { epochLine, percent, rate, settingsTable } from "./format.ts";
import { INTERRUPTED, listenForInterrupt } from "./interrupt.ts";
import { jsonEvent } from "./json_events.ts";
import { liveStep } from "./live_step.ts";
import { type Arguments, progressMode, tilesOf } from "./options.ts";
import { print, printJson, PROGRAM } from "./print.ts";
import { Progress } from "./progress.ts";
import { settings } from "./settings.ts";

/** The command. */
export const trainCommand: Command = {
  name: "train",
  usage: "qtrain recipe.yaml [key=value …] [--out DIR] [--resume] [--device auto|gpu|cpu] " +
    "[--no-tune] [--json | --quiet]",
  summary: "Trains the network of a recipe.",
  details: `key=value sets any field of the recipe by its dotted path, e.g. train.epochs=1.
The run's folder gets the recipe with every default, metrics, ranges, checkpoints and a
summary; by default it is runs/NAME, then runs/NAME-2, …
Ctrl-C ends the run after the steps in flight, with a checkpoint; --resume goes on from it, as it
does after a kill at any moment.
On a GPU the first runs spend up to a second before the first step on choosing the fastest tiles,
which are remembered; results do not depend on them. --no-tune keeps the defaults.

Exit codes: 0 done, 1 failed, 2 wrong usage, recipe or data, 130 interrupted.`,
  options: ["out", "resume", "device", "no-tune", "json", "quiet"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const [path, overrides] = first(args, "train", "a recipe");
  const mode = progressMode(args);
  const recipe = await loadRecipe(path, overrides);
  const resume = args.resume ?? false;
  const known = args.out === undefined || await Deno.stat(args.out).then(() => true, () => false);
  const folder = await RunFolder.create({ out: args.out, name: recipe.name, resume });
  const progress = new Progress({ mode });
  using interrupt = listenForInterrupt((text) => progress.error(text));
  let start: StartEvent | undefined;
  try {
    for await (
      const event of train(recipe, {
        folder,
        resume,
        ...(args.device ? { device: args.device } : {}),
        ...tilesOf(args, "timed"),
        selfTest: true,
        watchdog: true,
        signal: interrupt.signal,
        warn: (text) => progress.error(text),
      })
    ) {
      if (args.json) printJson(jsonEvent(event, folder.path));
      // A run that was lost with its adapter and goes on starts again: its settings are the same.
      if (event.type !== "start" || !start) show(event, progress, folder.path);
      if (event.type === "start") start ??= event;
      if (event.type !== "end") continue;
      progress.done();
      if (!args.json) print(result(event.summary, folder.path));
      return await conclude(event.summary, start!, folder, args, progress);
    }
    throw new Error("training ended without a summary");
  } finally {
    progress.done();
    if (!start) await removeIfEmpty(folder.path, known && args.out !== undefined);
  }
}

function show(event: TrainEvent, progress: Progress, folder: string): void {
  switch (event.type) {
    case "start":
      return progress.print(settingsTable(settings(event, folder)));
    case "step":
      return progress.live(() => liveStep(event));
    case "epoch":
      return progress.print(epochLine(event));
  }
}

/** The last lines of a run. */
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

/** Says how it ended and what one can do next. @returns the exit code */
async function conclude(
  { status, steps, reason, best_step, best_test_accuracy }: Summary,
  { resumedFrom, steps: planned }: StartEvent,
  folder: RunFolder,
  { device, "no-tune": noTune }: Arguments,
  progress: Progress,
): Promise<number> {
  // The folder's recipe has the overrides in it, and absolute paths.
  const again = `${PROGRAM} ${folder.path}/recipe.yaml --out ${folder.path} --resume` +
    (device ? ` --device ${device}` : "") + (noTune ? " --no-tune" : "");
  switch (status) {
    case "done": {
      if (resumedFrom > 0 && resumedFrom >= planned) {
        progress.print(`this run was finished: nothing is changed`);
      }
      progress.print(`next: ${PROGRAM} eval ${folder.path}`);
      progress.print(`      ${PROGRAM} predict ${folder.path} IMAGE`);
      progress.print(`      ${PROGRAM} export ${folder.path} --format safetensors --out FILE`);
      if (best_step !== null && best_step !== steps) {
        const accuracy = percent(best_test_accuracy ?? NaN, 2);
        progress.print(`the best test accuracy was ${accuracy}, after step ${best_step}: --best`);
      }
      return 0;
    }
    case "interrupted":
      progress.error(`interrupted after step ${steps}; go on with: ${again}`);
      return INTERRUPTED;
    case "diverged": {
      const [newest] = await folder.checkpoints();
      progress.error(
        `diverged at ${reason}. ` +
          (newest
            ? `The last good checkpoint is ${newest.path}`
            : `There was no checkpoint yet to keep`),
      );
      return 1;
    }
  }
}

/** Leaves no empty folder behind a run that never began. */
async function removeIfEmpty(path: string, wasThere: boolean): Promise<void> {
  await Deno.remove(`${path}/checkpoints`).catch(() => {});
  if (!wasThere) await Deno.remove(path).catch(() => {});
}
