/**
 * `qtrain runs`: lists the runs of a folder.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { visible } from "../lib/core/text.ts";
import { parseYaml } from "../lib/recipe/yaml.ts";
import { differingFields, readDetails } from "../lib/view/run_details.ts";
import { type ListedRun, listRuns } from "../lib/view/run_list.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { bytes, duration, percent, table, UNKNOWN } from "./format.ts";
import { JSON_OUTPUT } from "./options.ts";
import { print, printError, printJson } from "./print.ts";
import { Progress } from "./progress.ts";

const OPTIONS = {
  all: {
    type: "boolean",
    usage: "--all",
    help: "show every field that differs, not the first four",
  },
  json: JSON_OUTPUT,
} as const satisfies Options;

/** Runs that are read at once. */
const AT_ONCE = 16;
/** Fields that are shown of a recipe without --all. */
const MAX_FIELDS = 4;
/** Characters of a value that are shown without --all. */
const MAX_VALUE = 24;

/** `qtrain runs`. */
export const runsCommand = defineCommand({
  name: "runs",
  synopsis: "qtrain runs [DIR]",
  summary:
    "Lists the runs of a folder: status, accuracy, time, what differs between their recipes.",
  details:
    `Lists the runs in a folder (default: runs) and up to three levels below, as in runs/NAME-compare/runs,
by the time of their last change, the newest last. A run is done, interrupted, diverged, running, or
stopped: it was killed, and --resume continues it. Accuracy is the best on the test images so far. Time
counts from where a run was last resumed. A run that cannot be read is listed with its problem.

Exit codes: 0 listed, 2 wrong usage or a folder that is not there.`,
  options: OPTIONS,
  run,
});

async function run({ positionals, all, json }: Arguments<typeof OPTIONS>): Promise<number> {
  const [folder = "runs", more] = positionals;
  if (more !== undefined) {
    throw new UsageError(`qtrain runs: expected one folder, got ${visible(more)} too`);
  }
  const progress = new Progress({ mode: json ? "json" : "normal" });
  const { runs: listed, cut } = await listRuns(folder), runs: Run[] = [];
  for (let at = 0; at < listed.length; at += AT_ONCE) {
    progress.live(() => `reading runs: ${at} of ${listed.length}`);
    runs.push(...await Promise.all(listed.slice(at, at + AT_ONCE).map(withDetails)));
  }
  progress.done();
  const fields = differingFields(runs);
  if (json) printJson(runs.map((run) => jsonOf(run, fields)), 2);
  else if (runs.length === 0) printError(`${folder}: there is no run in it`);
  else print(listing(runs, fields, { now: Date.now(), all: all ?? false }));
  if (cut) {
    printError(`${folder}: there are more runs, which are not listed; name a folder below it`);
  }
  return 0;
}

type Run = Awaited<ReturnType<typeof withDetails>>;

async function withDetails(run: ListedRun) {
  const { problem, ...details } = await readDetails(run.path);
  const problems = [run.problem, problem].filter((text) => text !== undefined);
  const of = (field: string) => Number(details.recipe.get(field) ?? 0), epochs = of("train.epochs");
  // With train.time or train.max_steps a run may have more or fewer.
  const planned = epochs > 0 && of("train.time") === 0 && of("train.max_steps") === 0;
  return { ...run, ...details, problems, plannedEpochs: planned ? epochs : null };
}

/** The list as a table, and below it what cannot be read. */
function listing(
  runs: readonly Run[],
  fields: readonly string[],
  { now, all }: { readonly now: number; readonly all: boolean },
): string {
  const headers = ["run", "status", "epoch", "best acc", "time", "device", "size", "changed"];
  const differs = fields.length > 0;
  const rows = runs.map((run) => [
    run.name || run.path,
    run.problems.length > 0 ? `${run.status} (!)` : run.status,
    `${run.epoch ?? UNKNOWN}${run.plannedEpochs === null ? "" : `/${run.plannedEpochs}`}`,
    percent(run.bestAccuracy ?? NaN, 2),
    duration(run.seconds ?? NaN),
    run.device ?? UNKNOWN,
    bytes(run.bytes),
    run.changed > 0 ? `${duration((now - run.changed) / 1000)} ago` : UNKNOWN,
    ...(differs ? [differences(run, fields, all)] : []),
  ]);
  const right = "right" as const, left = "left" as const;
  const text = table(differs ? [...headers, "differs in"] : headers, rows, [
    ...[left, left, right, right, right, left, right, right],
  ]);
  const notes = runs.flatMap(({ name, problems }) =>
    problems.map((what) => `(!) ${name}: ${what}`)
  );
  return [text, ...notes].join("\n");
}

/** A recipe's values of the fields, as `seed=2 train.optimizer.lr=0.1`. */
function differences({ recipe }: Run, fields: readonly string[], all: boolean): string {
  const own = fields.filter((path) => recipe.has(path)),
    shown = all ? own : own.slice(0, MAX_FIELDS);
  const parts = shown.map((path) => {
    const value = recipe.get(path)!;
    return `${path}=${all || value.length <= MAX_VALUE ? value : `${value.slice(0, MAX_VALUE)}…`}`;
  });
  if (own.length > shown.length) parts.push(`and ${own.length - shown.length} more`);
  return parts.join(" ");
}

function jsonOf(run: Run, fields: readonly string[]): Record<string, unknown> {
  const { name, path, status, recipe } = run;
  return {
    name,
    path,
    status,
    epoch: run.epoch,
    epochs: run.plannedEpochs,
    steps: run.step,
    test_accuracy: run.accuracy,
    best_test_accuracy: run.bestAccuracy,
    seconds: run.seconds,
    device: run.device,
    bytes: run.bytes,
    changed: run.changed > 0 ? new Date(run.changed).toISOString() : null,
    differs: Object.fromEntries(
      fields.flatMap((path) => recipe.has(path) ? [[path, valueOf(recipe.get(path)!)]] : []),
    ),
    problems: run.problems,
  };
}

/** A value as the recipe means it; its text where that is more than one value. */
function valueOf(text: string): unknown {
  const read = parseYaml(text);
  return "value" in read && read.value !== undefined ? read.value : text;
}
