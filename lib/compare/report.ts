/**
 * The result of a comparison, as in `compare.json`.
 *
 * @module
 */
import { largest } from "../core/min_max.ts";
import { VERSION } from "../core/version.ts";
import { FLOAT32 } from "./estimators.ts";
import type { Grid } from "./grid.ts";
import type { RunRecord } from "./read_runs.ts";
import {
  mean,
  median,
  type PairedDifference,
  pairedDifference,
  standardDeviation,
} from "../report/statistics.ts";

/** The runs of one estimator with the same values, over all seeds. Fractions are 0–1. */
export interface CompareRow {
  /** Name of the estimator, or the label of the entry. */
  readonly label: string;
  /** The value of every varied key. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly runs: number;
  readonly done: number;
  readonly diverged: number;
  /** Over the runs that are done; the deviation is null for fewer than two. */
  readonly test_accuracy:
    | { readonly mean: number; readonly standard_deviation: number | null }
    | null;
  /** By reference: accuracy minus that of the reference with the same seed and values. */
  readonly gaps: Readonly<Record<string, PairedDifference>>;
  /** Median over seeds. */
  readonly ms_per_step: number | null;
  /** Largest of the seeds. */
  readonly peak_memory_bytes: number | null;
  /** Mean over seeds of the mean over logged steps. */
  readonly clipped: number | null;
  /** The quantizer with the largest such mean; null if none clips. */
  readonly clips_most: { readonly quantizer: string; readonly clipped: number } | null;
}

/** A whole comparison. */
export interface CompareReport {
  readonly kind: "qtrain-compare";
  readonly qtrain_version: string;
  /** Name of the recipe. */
  readonly name: string;
  /** Labels of the entries of `--estimators`, in order. */
  readonly estimators: readonly string[];
  readonly varied: readonly { readonly key: string; readonly values: readonly unknown[] }[];
  readonly seeds: readonly number[];
  /** Labels of the rows that gaps are measured to. */
  readonly references: readonly string[];
  readonly adapters: readonly string[];
  readonly rows: readonly CompareRow[];
  /** All runs, in the order of the grid. */
  readonly runs: readonly RunRecord[];
}

/** Labels that gaps are measured to, if the grid has them. */
const REFERENCES = [FLOAT32, "current-minmax"];

/** Summarizes the runs. `records` are those of `grid.cells`, in their order. */
export function buildReport(grid: Grid, records: readonly RunRecord[]): CompareReport {
  const references = REFERENCES.filter((label) => grid.labels.includes(label));
  const ofRow = (row: number): RunRecord[] => records.filter((_, i) => grid.cells[i]!.row === row);
  const sameValues = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const rows = grid.rows.map(({ label, values }, row): CompareRow => {
    const runs = ofRow(row);
    const gaps = references.filter((reference) => reference !== label).flatMap((reference) => {
      const other = grid.rows.findIndex((r) =>
        r.label === reference && sameValues(r.values, values)
      );
      const found = pairedDifference(differences(runs, ofRow(other)));
      return found ? [[reference, found] as const] : [];
    });
    return { label, values, gaps: Object.fromEntries(gaps), ...figures(runs) };
  });
  return {
    kind: "qtrain-compare",
    qtrain_version: VERSION,
    name: grid.name,
    estimators: grid.labels,
    varied: grid.varied.map(({ key, values }) => ({ key, values })),
    seeds: grid.seeds,
    references,
    adapters: [...new Set(records.flatMap(({ adapter }) => adapter === null ? [] : [adapter]))],
    rows,
    runs: records,
  };
}

function differences(runs: readonly RunRecord[], others: readonly RunRecord[]): number[] {
  return runs.flatMap(({ seed, test_accuracy: accuracy }) => {
    const reference = others.find((other) => other.seed === seed)?.test_accuracy ?? null;
    return accuracy === null || reference === null ? [] : [accuracy - reference];
  });
}

function figures(runs: readonly RunRecord[]): Omit<CompareRow, "label" | "values" | "gaps"> {
  const accuracies = numbers(runs.map((run) => run.test_accuracy));
  const bytes = numbers(runs.map((run) => run.peak_memory_bytes));
  return {
    runs: runs.length,
    done: runs.filter(({ status }) => status === "done").length,
    diverged: runs.filter(({ status }) => status === "diverged").length,
    test_accuracy: accuracies.length === 0 ? null : {
      mean: mean(accuracies),
      standard_deviation: known(standardDeviation(accuracies)),
    },
    ms_per_step: known(median(numbers(runs.map((run) => run.ms_per_step)))),
    peak_memory_bytes: bytes.length === 0 ? null : largest(bytes),
    clipped: known(mean(numbers(runs.map((run) => run.clipped)))),
    clips_most: clipsMost(runs),
  };
}

function clipsMost(runs: readonly RunRecord[]): CompareRow["clips_most"] {
  const quantized = runs.filter(({ clipped }) => clipped !== null);
  const names = new Set(quantized.flatMap((run) => Object.keys(run.clipped_by_quantizer)));
  let most: CompareRow["clips_most"] = null;
  for (const quantizer of names) {
    const clipped = mean(quantized.map((run) => run.clipped_by_quantizer[quantizer] ?? 0));
    if (clipped > (most?.clipped ?? 0)) most = { quantizer, clipped };
  }
  return most;
}

function numbers(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
