/**
 * The sections of a report about quantizers: ranges against what was seen, and clipped shares.
 *
 * @module
 */
import { percent, withThousands } from "../../core/format.ts";
import { nameHtml } from "../escape.ts";
import type { Section } from "../page.ts";
import { rangeAxis, rangeOverview, rangePanel } from "../plot/range_plot.ts";
import type { QuantizerLog, RunView } from "../run_log.ts";
import { colour } from "../style.ts";
import { details, figure, nameOf, recipeValue, runName, soft, table } from "./html.ts";

/** Rows of all overviews. */
const MAX_ROWS = 450;
/** Panels of all quantizers and runs, their bytes, and points of a curve. */
const MAX_PANELS = 200, MAX_BYTES = 500_000, MAX_POINTS = 160, MIN_POINTS = 24;
/** Bytes of one value of a curve, and of a panel without curves, as measured. */
const BYTES_PER_VALUE = 11, BYTES_PER_PANEL = 1500;
/** Quantizers in the list of those that clip. */
const MAX_BARS = 20;

/** Ranges against what was seen, layer by layer. */
export function rangesSection(runs: readonly RunView[]): Section {
  const known = runs.filter(({ quantizers }) => quantizers.size > 0);
  const html = known.length === 0
    ? soft(nothing(runs))
    : overviews(runs, known) + panels(runs, known);
  return { id: "ranges", title: "Ranges", html };
}

function nothing(runs: readonly RunView[]): string {
  return runs.every((run) => recipeValue(run, "quantize", "arithmetic") === "float32")
    ? "A run in float32 has no quantizers."
    : "No step has been logged yet.";
}

function overviews(runs: readonly RunView[], known: readonly RunView[]): string {
  return known.map((run, i) => {
    const rows = [...run.quantizers].flatMap(([name, { points, clipped }]) => {
      const last = points.at(-1);
      return last ? [{ name, last, clipped }] : [];
    });
    const shown = clippingMost(rows, Math.floor(MAX_ROWS / known.length)),
      step = withThousands(rows[0]?.last.step ?? 0);
    const more = rows.length > shown.length
      ? ` The ${shown.length} of ${rows.length} quantizers that clip most.`
      : "";
    const plot = `<figure class="rows">${
      rangeOverview(`ranges of ${rows.length} quantizers of ${nameOf(runs, run)}`, shown)
    }</figure>`;
    const text = soft(
      `Blue: the values seen at step ${step}. Black: the range in use, of which all beyond is clipped. The ` +
        `axis is symmetric and logarithmic. Clipped: mean share over all logged steps.${more}`,
    );
    if (runs.length === 1) return text + plot;
    return (i === 0 ? text : "") + details(runName(runs, run), plot, i === 0);
  }).join("\n");
}

/** The rows that clip most, in the order of the network. */
function clippingMost<T extends { readonly clipped: number }>(
  rows: readonly T[],
  most: number,
): T[] {
  if (rows.length <= most) return [...rows];
  const chosen = new Set(rows.toSorted((a, b) => b.clipped - a.clipped).slice(0, most));
  return rows.filter((row) => chosen.has(row));
}

/** The quantizers that clip most first, as many as there is room for; then in the order of the network. */
function chosenNames(known: readonly RunView[]): { names: string[]; left: number; first: string } {
  const clipped = new Map<string, number>();
  for (const { quantizers } of known) {
    for (const [name, log] of quantizers) {
      clipped.set(name, Math.max(clipped.get(name) ?? 0, log.clipped));
    }
  }
  const all = [...clipped.keys()];
  const ranked = all.toSorted((a, b) => clipped.get(b)! - clipped.get(a)!);
  const room = new Set(ranked.slice(0, Math.max(1, Math.floor(MAX_PANELS / known.length))));
  const names = all.filter((name) => room.has(name));
  return { names, left: all.length - names.length, first: ranked[0]! };
}

/** The panels of each quantizer, of which a select shows one. */
function panels(runs: readonly RunView[], known: readonly RunView[]): string {
  const { names, left, first } = chosenNames(known);
  const room = (MAX_BYTES / (names.length * known.length) - BYTES_PER_PANEL) /
    (4 * BYTES_PER_VALUE);
  const most = Math.min(MAX_POINTS, Math.max(MIN_POINTS, Math.floor(room)));
  const chosen = names.indexOf(first);
  const parts = names.map((name) => panelsOf(name, runs, known, most));
  const layers = Map.groupBy(
    names.entries(),
    ([, name]) => name.replace(/\.(weight|gradient)$/, ""),
  );
  const options = [...layers].map(([layer, members]) =>
    `<optgroup label="${nameHtml(layer)}">${
      members.map(([i, name]) =>
        `<option value="q${i}"${i === chosen ? " selected" : ""}>${nameHtml(name)}</option>`
      ).join("")
    }</optgroup>`
  );
  const templates = parts.map((part, i) => `<template id="q${i}">${part}</template>`);
  return `<h3>One quantizer over the steps</h3>
${
    soft(
      "Filled: from the smallest to the largest value at each logged step. Lines: the range in use." +
        (left > 0 ? ` Those that clip most; ${left} others are left out.` : ""),
    )
  }
<p><label>Quantizer<select data-panels="quantizer" autocomplete="off">${
    options.join("\n")
  }</select></label></p>
<div class="panels" id="quantizer">${parts[chosen]}</div>
${templates.join("\n")}`;
}

function panelsOf(
  name: string,
  runs: readonly RunView[],
  known: readonly RunView[],
  most: number,
): string {
  const logs = known.flatMap((run): [RunView, QuantizerLog][] => {
    const log = run.quantizers.get(name);
    return log ? [[run, log]] : [];
  });
  const y = rangeAxis(logs.flatMap(([, { points }]) => points));
  return logs.map(([run, { points, clipped }]) => {
    const classes = runs.length === 1 ? "c0" : colour(runs.indexOf(run));
    return figure(
      runs.length === 1 ? nameHtml(name) : runName(runs, run),
      points.some(({ low }) => low !== null)
        ? `clipped ${percent(clipped, 3)} of its values`
        : "range of the step itself",
      rangePanel(name, points, { y, classes, most }),
    );
  }).join("\n");
}

/** Which quantizers clip the largest share of their values. */
export function clippingSection(runs: readonly RunView[]): Section {
  const known = runs.filter(({ quantizers }) => quantizers.size > 0);
  return { id: "clipping", title: "Clipped values", html: clippingHtml(runs, known) };
}

function clippingHtml(runs: readonly RunView[], known: readonly RunView[]): string {
  if (known.length === 0) return soft(nothing(runs));
  const shares = (name: string) =>
    known.map(({ quantizers }) => quantizers.get(name)?.clipped ?? null);
  const names = [...new Set(known.flatMap(({ quantizers }) => [...quantizers.keys()]))];
  const largestOf = (name: string) => Math.max(...shares(name).map((share) => share ?? 0));
  const clipping = names.map((name) => [name, largestOf(name)] as const)
    .filter(([, share]) => share > 0).toSorted((a, b) => b[1] - a[1]);
  if (clipping.length === 0) return soft("No value was outside of its range at a logged step.");
  const [, most] = clipping[0]!, shown = clipping.slice(0, MAX_BARS);
  const bar = (share: number | null, classes: string) =>
    share === null
      ? "–"
      : `<i class="share ${classes}" style="width:${Math.round(90 * share / most)}px"></i>${
        percent(share, 3)
      }`;
  return table({
    caption: `Mean share of values outside of their range, over all logged steps: ${
      clipping.length > shown.length ? `the ${shown.length} largest` : "all"
    } of ${clipping.length} quantizers that clip, of ${names.length}`,
    columns: [
      { text: "quantizer" },
      ...known.map((run) => ({ text: runs.length === 1 ? "clipped" : runName(runs, run) })),
    ],
    rows: shown.map(([name]) => [
      nameHtml(name),
      ...shares(name).map((share, i) => ({
        html: bar(share, runs.length === 1 ? "c0" : colour(runs.indexOf(known[i]!))),
        value: share,
      })),
    ]),
    sortable: true,
  });
}
