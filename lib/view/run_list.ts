/**
 * The runs of a folder with their figures, from the small files of a run and the end of its log: a
 * thousand runs are read in a second.
 *
 * @module
 */
import { finiteOrNull } from "../core/json_value.ts";
import { isLocked } from "../core/folder_lock.ts";
import { readTextIfThere } from "../core/files.ts";
import { largest } from "../core/min_max.ts";
import { findRuns } from "./find_runs.ts";
import type { RunStatus } from "./run_log.ts";

/**
 * Bytes that are read of the end of `metrics.jsonl`, some sixty lines; if these have no epoch's, the second
 * number.
 */
const TAIL_BYTES = [16 * 1024, 1024 * 1024] as const;
/** Runs that are read at once. */
const AT_ONCE = 16;

/** A run in a list. */
export interface ListedRun {
  /** Path relative to the folder that was listed; empty where that is the run. */
  readonly name: string;
  /** Path of its folder. */
  readonly path: string;
  readonly status: RunStatus;
  /** Test accuracy of the last evaluation, 0–1. */
  readonly accuracy: number | null;
  /** The best of all evaluations, 0–1; without a summary, of those at the end of the metrics. */
  readonly bestAccuracy: number | null;
  /** Training loss at the last logged step. */
  readonly loss: number | null;
  /** Last logged step. */
  readonly step: number | null;
  /** Epoch of that step, from 1. */
  readonly epoch: number | null;
  /** Seconds of the whole run; null before it ends. */
  readonly seconds: number | null;
  /** Kind of device that it ended on. */
  readonly device: string | null;
  /** When its log or summary last changed, in milliseconds since 1970. */
  readonly changed: number;
  /** What is wrong with its files. */
  readonly problem?: string;
}

/** The runs of a folder. */
export interface RunList {
  /** The one that changed last comes last. */
  readonly runs: readonly ListedRun[];
  /** Whether there may be more: the folder has too many folders. */
  readonly cut: boolean;
}

/**
 * Lists the runs in a folder and up to three levels below, or the folder itself.
 *
 * @throws {DataError} when the folder cannot be read
 */
export async function listRuns(folder: string): Promise<RunList> {
  const { paths, cut } = await findRuns(folder);
  const entries = [...paths], runs: ListedRun[] = [];
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const some = entries.slice(at, at + AT_ONCE).map(([name, path]) => listedRun(name, path));
    for (const run of await Promise.all(some)) runs.push(run);
  }
  return { runs: runs.sort((a, b) => a.changed - b.changed), cut };
}

type Line = Readonly<Record<string, unknown>>;

async function listedRun(name: string, path: string): Promise<ListedRun> {
  const [lines, summary, locked, log, end] = await Promise.all([
    linesWithEpoch(`${path}/metrics.jsonl`),
    readSummary(`${path}/summary.json`),
    isLocked(path),
    changedAt(`${path}/metrics.jsonl`),
    changedAt(`${path}/summary.json`),
  ]);
  const last = lines.findLast(({ kind }) => kind === "step");
  const epochs = lines.filter(({ kind }) => kind === "epoch"), epoch = epochs.at(-1);
  const ended = summary.value ?? {}, step = finiteOrNull(lines.at(-1)?.step);
  // A run that is resumed has the summary of its first end until the second.
  const isLatest = summary.value !== undefined && (finiteOrNull(ended.steps) ?? 0) >= (step ?? 0);
  const accuracies = [ended.best_test_accuracy, ...epochs.map((line) => line.test_accuracy)]
    .map(finiteOrNull).filter((accuracy) => accuracy !== null);
  return {
    name,
    path,
    status: locked ? "running" : isLatest ? statusOf(ended) : "stopped",
    accuracy: finiteOrNull(epoch?.test_accuracy) ?? finiteOrNull(ended.test_accuracy),
    bestAccuracy: accuracies.length > 0 ? largest(accuracies) : null,
    loss: finiteOrNull(last?.loss) ?? finiteOrNull(epoch?.train_loss) ??
      finiteOrNull(ended.train_loss),
    step: step ?? finiteOrNull(ended.steps),
    epoch: finiteOrNull(lines.at(-1)?.epoch) ?? finiteOrNull(ended.epochs),
    seconds: isLatest ? finiteOrNull(ended.seconds) : null,
    device: typeof ended.device === "string" ? ended.device : null,
    changed: Math.max(log, end),
    ...(summary.problem === undefined ? {} : { problem: summary.problem }),
  };
}

function statusOf({ status }: Line): RunStatus {
  return status === "done" || status === "interrupted" || status === "diverged"
    ? status
    : "stopped";
}

async function changedAt(path: string): Promise<number> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.mtime?.getTime() ?? 0;
}

async function readSummary(path: string): Promise<{ value?: Line; problem?: string }> {
  try {
    const text = await readTextIfThere(path);
    if (text === undefined) return {};
    return { value: parsed(text) ?? fail("is no JSON object") };
  } catch (error) {
    return { problem: `summary.json: ${(error as Error).message}` };
  }
}

function fail(message: string): never {
  throw new Error(message);
}

/** The last lines of a log, and that of the last epoch among them if it is not too far. */
async function linesWithEpoch(path: string): Promise<Line[]> {
  for (const bytes of TAIL_BYTES) {
    const { lines, whole } = await lastLines(path, bytes);
    if (whole || bytes === TAIL_BYTES[1] || lines.some(({ kind }) => kind === "epoch")) {
      return lines;
    }
  }
  return [];
}

/** The lines in the last bytes of a log; one that is damaged or half written is left out. */
async function lastLines(path: string, count: number): Promise<{ lines: Line[]; whole: boolean }> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat(), begin = Math.max(0, size - count);
    const bytes = new Uint8Array(size - begin);
    await file.seek(begin, Deno.SeekMode.Start);
    let at = 0;
    while (at < bytes.length) {
      const read = await file.read(bytes.subarray(at));
      if (read === null) break;
      at += read;
    }
    const texts = new TextDecoder().decode(bytes.subarray(0, at)).split("\n");
    if (begin > 0) texts.shift();
    const lines = texts.map(parsed).filter((line) => line !== undefined);
    return { lines, whole: begin === 0 };
  } catch {
    return { lines: [], whole: true };
  }
}

function parsed(text: string): Line | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
