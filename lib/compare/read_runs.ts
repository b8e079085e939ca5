/**
 * Reads the folder of a run: figures for the table and curves for the plots.
 *
 * @module
 */
import { finiteOrNull } from "../core/json_value.ts";
import { DataError } from "../core/errors.ts";
import { readTextIfThere } from "../core/files.ts";
import { largest } from "../core/min_max.ts";
import type { Cell, RowSpec } from "./grid.ts";
import { type RangePoint, RunLog, type RunView } from "../view/run_log.ts";

/** The figures of one run, as in `compare.json`. */
export interface RunRecord {
  /** Label of its row. */
  readonly label: string;
  /** Values of the varied keys. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** Relative to the folder of the comparison. */
  readonly folder: string;
  readonly status: "done" | "diverged" | "unfinished" | "missing";
  /** Where it diverged. */
  readonly reason?: string;
  /** Training steps done. */
  readonly steps: number;
  /** 0–1; null if the run is not done. */
  readonly test_accuracy: number | null;
  /** The batch divided by images a second. */
  readonly ms_per_step: number | null;
  /** Bytes of the device's memory. */
  readonly peak_memory_bytes: number | null;
  /** Mean share of clipped values over logged steps, 0–1; null without quantizers. */
  readonly clipped: number | null;
  /** The same for each quantizer that clipped values. */
  readonly clipped_by_quantizer: Readonly<Record<string, number>>;
  /** Name of the adapter. */
  readonly adapter: string | null;
}

/** The curves of a run. */
export interface RunCurves {
  /** Training loss by step. */
  readonly loss: readonly (readonly [number, number])[];
  /** Test accuracy by epoch. */
  readonly accuracy: readonly (readonly [number, number])[];
  /**
   * By quantizer, in the order of the log: evenly spaced points, and the last; empty if not requested.
   */
  readonly ranges: ReadonlyMap<string, readonly RangePoint[]>;
}

/** What is known of a run. */
export interface RunResult {
  readonly record: RunRecord;
  readonly curves: RunCurves;
}

type Line = Readonly<Record<string, unknown>>;

/**
 * Reads a run's folder. What does not exist yet is null or empty.
 *
 * @param root the folder of the comparison
 * @param withRanges whether to read the ranges of each quantizer
 * @throws {DataError} if a file cannot be read
 */
export async function readRunResult(
  root: string,
  cell: Cell,
  { label, values }: RowSpec,
  withRanges: boolean,
): Promise<RunResult> {
  const path = `${root}/${cell.folder}`;
  const summary = await readObject(`${path}/summary.json`);
  const { view } = await RunLog.open(path), { steps, epochs, quantizers } = view;
  const status = statusOf(summary, view);
  const ended = status === "done" || status === "diverged";
  const speed = finiteOrNull(summary?.images_per_second) ?? 0;
  const record: RunRecord = {
    label,
    values,
    seed: cell.seed,
    folder: cell.folder,
    status,
    ...(typeof summary?.reason === "string" ? { reason: summary.reason } : {}),
    steps: finiteOrNull(summary?.steps) ?? largest([0, ...lastSteps(view)]),
    test_accuracy: status === "done" ? finiteOrNull(summary?.test_accuracy) : null,
    ms_per_step: ended && speed > 0 ? 1000 * cell.recipe.train.batch / speed : null,
    peak_memory_bytes: (ended && finiteOrNull(summary?.peak_memory_bytes)) || null,
    clipped: ended && quantizers.size > 0 ? view.clipped : null,
    clipped_by_quantizer: ended ? clippedShares(view) : {},
    adapter: typeof summary?.adapter === "string" ? summary.adapter : null,
  };
  const curves: RunCurves = {
    loss: steps.flatMap(({ step, loss }) => loss === null ? [] : [[step, loss] as const]),
    accuracy: epochs.flatMap(({ epoch, testAccuracy }) =>
      testAccuracy === null ? [] : [[epoch, testAccuracy] as const]
    ),
    ranges: new Map(
      withRanges ? [...quantizers].map(([name, { points }]) => [name, points]) : [],
    ),
  };
  return { record, curves };
}

function statusOf(summary: Line | undefined, view: RunView): RunRecord["status"] {
  if (summary?.status === "done" || summary?.status === "diverged") return summary.status;
  return summary || lastSteps(view).length > 0 ? "unfinished" : "missing";
}

/** The last step of each kind of line in the log. */
function lastSteps({ steps, epochs, skips }: RunView): number[] {
  return [steps, epochs, skips].flatMap((lines) => lines.at(-1)?.step ?? []);
}

/** The mean share of clipped values of each quantizer that clipped some. */
function clippedShares({ quantizers }: RunView): Record<string, number> {
  return Object.fromEntries(
    [...quantizers].filter(([, { clipped }]) => clipped > 0)
      .map(([name, { clipped }]) => [name, clipped]),
  );
}

async function readObject(path: string): Promise<Line | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  const value = parsed(text);
  if (value) return value;
  throw new DataError(
    `${path}: expected a JSON object, got something else; remove the run's folder to train it again`,
  );
}

function parsed(text: string): Line | undefined {
  if (text === "") return undefined;
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
