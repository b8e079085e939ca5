/**
 * Rules of the page of a comparison, after those of every page.
 *
 * @module
 */
import { colour } from "../view/style.ts";
import { FLOAT32 } from "./estimators.ts";
import type { Grid } from "./grid.ts";

const DASHES = ["none", "7 4", "2 3", "9 3 2 3", "4 2"];

/** The colour class of a row: one for each estimator; the baseline is grey. */
export function colourOf({ labels, rows }: Grid, row: number): string {
  const { label } = rows[row]!;
  if (label === FLOAT32) return "c-base";
  return colour(labels.filter((other) => other !== FLOAT32).indexOf(label));
}

/** The dash class of a row's lines: one for each combination of varied values. */
export function dashOf({ labels }: Grid, row: number): string {
  return `d${Math.floor(row / labels.length) % DASHES.length}`;
}

/** The rules. */
export function style(rows: number): string {
  const dashes = DASHES.map((dash, i) => `.d${i}{stroke-dasharray:${dash}}`).join("");
  const fade = Array.from(
    { length: rows },
    (_, i) => `main:has([data-row="${i}"]:hover) .line:not(.r${i}){opacity:.12}`,
  ).join("\n");
  return `.results{width:100%}.results th,.results td{padding:7px 12px 7px 0;white-space:nowrap}
.results thead th{white-space:normal;vertical-align:bottom}.results td:last-child{white-space:normal;min-width:12ch;overflow-wrap:anywhere}
.notes{margin:14px 0 0;padding:0;list-style:none;color:var(--soft);font-size:13.5px}
${dashes}
.gap{display:inline-block;width:56px;height:14px;margin-right:8px;vertical-align:middle}
.gap .zero{stroke:var(--soft);stroke-dasharray:2 2}.gap .interval{stroke:var(--c);stroke-width:2}.gap circle{fill:var(--c)}
@media (max-width:600px){.results{font-size:13px}.gap{width:40px}}
${fade}`;
}
