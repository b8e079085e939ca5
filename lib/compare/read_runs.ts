/**
 * Reads the folder of a run: figures for the table and curves for the plots.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { fileError, readTextIfThere } from "../core/files.ts";
import type { Cell, RowSpec } from "./grid.ts";
import { mean } from "../report/statistics.ts";

/** Points of a quantizer that are kept, far more than a plot shows. */
const MAX_RANGE_POINTS = 4096;

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

/** A quantizer at a logged step: the range in use, and the observed minimum and maximum. */
export interface RangePoint {
  readonly step: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

/** The curves of a run. */
export interface RunCurves {
  /** Training loss by step. */
  readonly loss: readonly (readonly [number, number])[];
  /** Test accuracy by epoch. */
  readonly accuracy: readonly (readonly [number, number])[];
  /**
   * By quantizer, in the order of the log: at most 4,097 points each, evenly spaced; empty if not
   * requested.
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
  const metrics = await Array.fromAsync(readLines(`${path}/metrics.jsonl`));
  const ranges = new RangeLog();
  for await (const line of readLines(`${path}/ranges.jsonl`)) ranges.add(line);
  const status = statusOf(summary, metrics);
  const ended = status === "done" || status === "diverged";
  const speed = number(summary?.images_per_second) ?? 0;
  const clipped = ended && !ranges.isEmpty
    ? mean(points(metrics, "step", "step", "clipped").map(([, share]) => share))
    : NaN;
  const record: RunRecord = {
    label,
    values,
    seed: cell.seed,
    folder: cell.folder,
    status,
    ...(typeof summary?.reason === "string" ? { reason: summary.reason } : {}),
    steps: number(summary?.steps) ?? number(metrics.at(-1)?.step) ?? 0,
    test_accuracy: status === "done" ? number(summary?.test_accuracy) : null,
    ms_per_step: ended && speed > 0 ? 1000 * cell.recipe.train.batch / speed : null,
    peak_memory_bytes: (ended && number(summary?.peak_memory_bytes)) || null,
    clipped: number(clipped),
    clipped_by_quantizer: ended ? ranges.meanClipped() : {},
    adapter: typeof summary?.adapter === "string" ? summary.adapter : null,
  };
  const curves: RunCurves = {
    loss: points(metrics, "step", "step", "loss"),
    accuracy: points(metrics, "epoch", "epoch", "test_accuracy"),
    ranges: withRanges ? ranges.points() : new Map(),
  };
  return { record, curves };
}

function statusOf(summary: Line | undefined, metrics: readonly Line[]): RunRecord["status"] {
  if (summary?.status === "done" || summary?.status === "diverged") return summary.status;
  return summary || metrics.length > 0 ? "unfinished" : "missing";
}

function points(lines: readonly Line[], kind: string, x: string, y: string): [number, number][] {
  return lines.filter((line) => line.kind === kind).flatMap((line): [number, number][] => {
    const at = number(line[x]), value = number(line[y]);
    return at === null || value === null ? [] : [[at, value]];
  });
}

/** What is kept of the log of ranges, which may have a hundred lines for each step of a long run. */
class RangeLog {
  /** By quantizer, in the order of the log. */
  readonly #quantizers = new Map<
    string,
    { lines: number; clipped: number; points: RangePoint[]; stride: number; last?: RangePoint }
  >();

  add(line: Line): void {
    const { step, quantizer, low, high, min, max, clipped } = line, name = String(quantizer);
    const found = this.#quantizers.get(name) ?? { lines: 0, clipped: 0, points: [], stride: 1 };
    this.#quantizers.set(name, found);
    found.clipped += number(clipped) ?? 0;
    found.last = {
      step: Number(step),
      low: number(low),
      high: number(high),
      min: number(min),
      max: number(max),
    };
    if (found.lines++ % found.stride !== 0) return;
    found.points.push(found.last);
    if (found.points.length <= MAX_RANGE_POINTS) return;
    found.points = found.points.filter((_, i) => i % 2 === 0);
    found.stride *= 2;
  }

  get isEmpty(): boolean {
    return this.#quantizers.size === 0;
  }

  /** The mean share of clipped values of each quantizer that clipped some. */
  meanClipped(): Record<string, number> {
    return Object.fromEntries(
      [...this.#quantizers].filter(([, { clipped }]) => clipped > 0)
        .map(([name, { clipped, lines }]) => [name, clipped / lines]),
    );
  }

  /** The points that were kept of each quantizer, and its last one. */
  points(): Map<string, RangePoint[]> {
    return new Map(
      [...this.#quantizers].map(([name, { points, last }]) => [
        name,
        points.at(-1) === last ? points : [...points, last!],
      ]),
    );
  }
}

/** A finite number, or null. */
function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
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

/** The complete lines of a log, which may be longer than a string; a kill may have cut the last one. */
async function* readLines(path: string): AsyncGenerator<Line, void, void> {
  let rest = "";
  try {
    const file = await Deno.open(path);
    for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const value = parsed(line);
        if (value) yield value;
      }
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw fileError(error, "read", path);
  }
  const last = parsed(rest);
  if (last) yield last;
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
