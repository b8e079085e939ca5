/**
 * The table of a comparison as text, the same on the terminal, in Markdown and in HTML.
 *
 * @module
 */
import { escapeMarkdown, markdownTable, type TextTable } from "../report/markdown.ts";
import { bytes, percent, UNKNOWN } from "../core/format.ts";
import { shortKey } from "./grid.ts";
import type { CompareReport, CompareRow } from "./report.ts";
import type { PairedDifference } from "../report/statistics.ts";

/** The table of a comparison. */
export function compareTable({ varied, references, rows }: CompareReport): TextTable {
  const keys = varied.map(({ key }) => key);
  const columns: [header: string, align: "left" | "right", cell: (row: CompareRow) => string][] = [
    ["estimator", "left", (row) => row.label],
    ...keys.map((key): (typeof columns)[number] => [
      shortKey(key, keys),
      "right",
      (row) => String(row.values[key]),
    ]),
    ["test accuracy", "left", accuracy],
    ...references.map((reference): (typeof columns)[number] => [
      `gap to ${reference}`,
      "left",
      (row) => row.label === reference ? "reference" : gap(row.gaps[reference]),
    ]),
    ["ms a step", "right", (row) => row.ms_per_step?.toFixed(1) ?? UNKNOWN],
    ["memory", "right", (row) => bytes(row.peak_memory_bytes ?? NaN)],
    ["clipped", "right", (row) => percent(row.clipped ?? NaN, 3)],
    ["clips most", "left", clipsMost],
  ];
  return {
    headers: columns.map(([header]) => header),
    alignments: columns.map(([, alignment]) => alignment),
    rows: rows.map((row) => columns.map(([, , cell]) => cell(row))),
  };
}

/** Notes for the table: what its columns mean, and which runs are missing. */
export function compareNotes(report: CompareReport): string[] {
  const { references, seeds, runs } = report;
  const done = runs.filter(({ status }) => status === "done").length;
  const list = [
    `${done} of ${runs.length} runs done, over seed${seeds.length > 1 ? "s" : ""} ` +
    `${seeds.join(", ")}; on ${report.adapters.join(" and ") || "no adapter yet"}.`,
  ];
  if (seeds.length > 1) {
    list.push("Test accuracy: mean ± standard deviation over seeds, in points.");
  }
  if (references.length > 0) {
    list.push(
      "Gap: mean of the differences in test accuracy between runs of the same seed, in points" +
        (seeds.length > 1 ? ", with its 95% interval (Student's t)." : "."),
    );
  }
  for (const { label, values, seed, status, reason } of runs) {
    if (status !== "diverged") continue;
    const at = Object.entries(values).map(([key, value]) => `, ${key} ${value}`).join("");
    list.push(`Diverged: ${label}${at}, seed ${seed}${reason ? `, at ${reason}` : ""}.`);
  }
  return list;
}

/** Renders a comparison as Markdown: `compare.md`. */
export function comparisonMarkdown(report: CompareReport): string {
  return [
    `# ${escapeMarkdown(report.name)}: comparison`,
    "",
    markdownTable(compareTable(report)),
    "",
    ...compareNotes(report).map((note) => `- ${escapeMarkdown(note)}`),
    "",
  ].join("\n");
}

function accuracy({ test_accuracy: found, runs, done, diverged }: CompareRow): string {
  if (!found) {
    return diverged > 0 ? diverged === runs ? "diverged" : `${diverged} diverged` : UNKNOWN;
  }
  const deviation = found.standard_deviation;
  return percent(found.mean, 2) +
    (deviation === null ? "" : ` ± ${(deviation * 100).toFixed(2)}`) +
    (done < runs ? ` (${done} of ${runs}${diverged > 0 ? `, ${diverged} diverged` : ""})` : "");
}

/** A gap in points: `−0.42 [−0.80, −0.04]`. */
export function gap(found: PairedDifference | undefined): string {
  if (!found) return UNKNOWN;
  const { mean, low, high } = found;
  return signed(mean) + (low === null || high === null ? "" : ` [${signed(low)}, ${signed(high)}]`);
}

function signed(fraction: number): string {
  const text = (Math.abs(fraction) * 100).toFixed(2);
  return text === "0.00" ? text : `${fraction < 0 ? "−" : "+"}${text}`;
}

function clipsMost({ clips_most: most }: CompareRow): string {
  return most ? `${most.quantizer} ${percent(most.clipped, 3)}` : UNKNOWN;
}
