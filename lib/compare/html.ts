/**
 * A comparison as one self-contained page: `compare.html`.
 *
 * @module
 */
import { largest } from "../core/min_max.ts";
import { learningCurves } from "./curves.ts";
import { escape } from "../view/escape.ts";
import { pageHtml } from "../view/page.ts";
import { type Grid, rowName } from "./grid.ts";
import { type QuantizerPanels, rangePanels } from "./range_panels.ts";
import type { RunCurves } from "./read_runs.ts";
import type { CompareReport } from "./report.ts";
import { colourOf, dashOf, style } from "./style.ts";
import { compareNotes, compareTable } from "./table.ts";

/**
 * Renders the page.
 *
 * @param curves the curves of `grid.cells`, in their order
 */
export function comparisonHtml(
  report: CompareReport,
  grid: Grid,
  curves: readonly RunCurves[],
): string {
  return pageHtml({
    title: `${report.name}: comparison`,
    lead: `<p class="soft">${escape(subtitle(report))}</p>`,
    style: style(grid.rows.length),
    sections: [
      { id: "results", title: "Results", html: table(report, grid) },
      { id: "curves", title: "Learning curves", html: curvesHtml(report, grid, curves) },
      {
        id: "ranges",
        title: "Ranges",
        html: rangesHtml(report, rangePanels(report, grid, curves)),
      },
    ],
  });
}

function subtitle({ estimators, varied, seeds, qtrain_version: version }: CompareReport): string {
  const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? "" : "s"}`;
  const keys = varied.map(({ key, values }) => `${key} of ${values.join(", ")}`);
  return [
    count(estimators.length, "estimator"),
    ...keys,
    count(seeds.length, "seed"),
  ].join(" × ") + `; by qtrain ${version}`;
}

function table(report: CompareReport, grid: Grid): string {
  const { headers, rows, alignments } = compareTable(report);
  const right = (i: number) => alignments[i] === "right" ? ' class="right"' : "";
  const bars = gapChart(report, grid);
  const head = headers.map((header, i) => `<th scope="col"${right(i)}>${escape(header)}</th>`).join(
    "",
  );
  const body = rows.map((cells, row) =>
    `<tr data-row="${row}">${
      cells.map((cell, i) => {
        if (i > 0) return `<td${right(i)}>${bars(headers[i]!, row)}${escape(cell)}</td>`;
        return `<th scope="row"><i class="swatch ${colourOf(grid, row)}"></i>${escape(cell)}</th>`;
      }).join("")
    }</tr>`
  ).join("\n");
  const list = compareNotes(report).map((note) => `<li>${escape(note)}</li>`).join("\n");
  return `<div class="scroll" tabindex="0"><table class="results">
<caption>One row for each estimator, over all seeds</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}
</tbody>
</table></div>
<ul class="notes">
${list}
</ul>`;
}

/** Size of the chart of a gap. */
const GAP = { width: 56, height: 14 } as const;

/**
 * Draws the small chart in a cell of a gap: a dot at the mean, a line over the interval, a mark at zero.
 * Empty if the column is no gap, or the gap is unknown.
 */
function gapChart(
  report: CompareReport,
  grid: Grid,
): (header: string, row: number) => string {
  const gaps = report.rows.flatMap((row) => Object.values(row.gaps));
  const ends = gaps.flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean]);
  // The same scale for all, with zero in the middle.
  const longest = Math.max(largest(ends.map(Math.abs)), 1e-9) * 1.08;
  const x = (gap: number) => Math.round((gap / longest + 1) * GAP.width * 5) / 10;
  return (header, row) => {
    const reference = report.references.find((label) => header === `gap to ${label}`);
    const gap = reference === undefined ? undefined : report.rows[row]!.gaps[reference];
    if (!gap) return "";
    const { mean, low, high } = gap, middle = GAP.height / 2;
    const interval = low === null || high === null
      ? ""
      : `<path class="interval" d="M${x(low)} ${middle}H${x(high)}"/>`;
    return `<svg class="gap ${colourOf(grid, row)}" viewBox="0 0 ${GAP.width} ${GAP.height}" ` +
      `aria-hidden="true"><path class="zero" d="M${x(0)} 0V${GAP.height}"/>${interval}` +
      `<circle cx="${x(mean)}" cy="${middle}" r="3.5"/></svg>`;
  };
}

function curvesHtml(report: CompareReport, grid: Grid, curves: readonly RunCurves[]): string {
  if (curves.every(({ loss }) => loss.length === 0)) {
    return `<p class="soft">No run has logged a step yet.</p>`;
  }
  const { loss, accuracy } = learningCurves(report, grid, curves);
  const key = grid.rows.map((row, i) =>
    `<li data-row="${i}"><svg viewBox="0 0 30 10" aria-hidden="true"><path class="line ${
      colourOf(grid, i)
    } ${dashOf(grid, i)}" d="M0 5H30"/></svg>${escape(rowName(row))}</li>`
  ).join("\n");
  return `<p class="soft">One line per seed. Hover over a name to highlight its lines.</p>
<ul class="key">
${key}
</ul>
<div class="pair">
<figure><figcaption><b>Training loss</b><span>smoothed over logged steps</span></figcaption>${loss}</figure>
<figure><figcaption><b>Test accuracy</b><span>after each epoch</span></figcaption>${accuracy}</figure>
</div>`;
}

function rangesHtml(report: CompareReport, all: readonly QuantizerPanels[]): string {
  if (all.length === 0) {
    return `<p class="soft">No run with quantizers has logged a step yet.</p>`;
  }
  // Starts with the quantizer that clips most.
  const worst = report.rows.map((row) => row.clips_most).filter((most) => most !== null)
    .toSorted((a, b) => b.clipped - a.clipped)[0]?.quantizer;
  const chosen = Math.max(0, all.findIndex(({ name }) => name === worst));
  const layers = Map.groupBy(all.entries(), ([, { layer }]) => layer);
  const options = [...layers].map(([layer, members]) =>
    `<optgroup label="${escape(layer)}">${
      members.map(([i, { name }]) =>
        `<option value="q${i}"${i === chosen ? " selected" : ""}>${escape(name)}</option>`
      ).join("")
    }</optgroup>`
  ).join("\n");
  const templates = all.map(({ figures }, i) =>
    `<template id="q${i}">${figures.join("\n")}</template>`
  ).join("\n");
  return `<p class="soft">Filled: from the smallest to the largest value at each logged step. Lines: the
range in use; values outside of it were clipped. All panels of a quantizer have the same scale.</p>
<p><label>Quantizer<select data-panels="panels" autocomplete="off">
${options}
</select></label></p>
<div class="panels" id="panels"></div>
${templates}`;
}
