/**
 * Pieces of HTML that several sections have.
 *
 * @module
 */
import { colour } from "../style.ts";
import { nameHtml } from "../escape.ts";
import type { RunView } from "../run_log.ts";

/** A column of a table. */
interface Column {
  readonly text: string;
  /** Whether it holds numbers. */
  readonly right?: boolean;
}

/** A cell: HTML, and the number that it is sorted by, where that is not its text. */
export type Cell = string | { readonly html: string; readonly value: number | null };

/** What a table shows. */
interface Table {
  /** As HTML. */
  readonly caption: string;
  readonly columns: readonly Column[];
  /** The first cell of each row is its heading. */
  readonly rows: readonly (readonly Cell[])[];
  /** Whether its headings sort it. */
  readonly sortable?: boolean;
  /** Whether it scrolls if it is long. */
  readonly tall?: boolean;
}

/** A table that scrolls sideways where it is too wide. */
export function table({ caption, columns, rows, sortable = false, tall = false }: Table): string {
  const kind = (column: number) => columns[column]!.right ? ' class="right"' : "";
  const head = columns.map(({ text }, i) =>
    `<th scope="col"${kind(i)}>${
      sortable && text !== "" ? `<button type="button">${text}</button>` : text
    }</th>`
  );
  const body = rows.map((cells) =>
    `<tr>${
      cells.map((cell, i) => {
        const { html, value } = typeof cell === "string" ? { html: cell, value: undefined } : cell;
        const sorted = value === undefined ? "" : ` data-value="${value ?? ""}"`;
        return i === 0
          ? `<th scope="row"${sorted}>${html}</th>`
          : `<td${kind(i)}${sorted}>${html}</td>`;
      }).join("")
    }</tr>`
  );
  // What scrolls must be in reach of the keyboard.
  return `<div class="scroll${tall ? " tall" : ""}"${tall ? ' tabindex="0"' : ""}><table class="${
    sortable ? "sortable" : ""
  }"><caption>${caption}</caption>
<thead><tr>${head.join("")}</tr></thead>
<tbody>${body.join("\n")}</tbody></table></div>`;
}

/** A figure with a caption; both are HTML. Empty if the figure is. */
export function figure(title: string, more: string, html: string, kind = ""): string {
  if (html === "") return "";
  return `<figure${kind === "" ? "" : ` class="${kind}"`}><figcaption><b>${title}</b>${
    more === "" ? "" : `<span>${more}</span>`
  }</figcaption>${html}</figure>`;
}

/** A line of soft text, as HTML: why there is nothing to show, or how to read what there is. */
export function soft(html: string): string {
  return `<p class="soft">${html}</p>`;
}

/** A part that can be opened. */
export function details(title: string, html: string, open = false): string {
  return `<details${open ? " open" : ""}><summary>${title}</summary>${html}</details>`;
}

/** The name of a run with its colour, as HTML. */
export function runName(runs: readonly RunView[], run: RunView): string {
  const swatch = `<i class="swatch ${colour(runs.indexOf(run))}"></i>`;
  return (runs.length > 1 ? swatch : "") + nameHtml(nameOf(runs, run));
}

/** The name of a run: that of its folder, with as many folders above as it takes to tell it from the others. */
export function nameOf(runs: readonly RunView[], { path }: RunView): string {
  const parts = path.split("/");
  for (let count = 1; count < parts.length; count++) {
    const name = parts.slice(-count).join("/");
    const same = runs.filter((other) => other.path === name || other.path.endsWith(`/${name}`));
    if (same.length <= 1) return name;
  }
  return path;
}

/** A part for each run that has something to show, with its name where there are several. */
export function forEachRun(
  runs: readonly RunView[],
  part: (run: RunView) => string,
  nothing: (run: RunView) => string,
): string {
  if (runs.length === 1) return part(runs[0]!) || soft(nothing(runs[0]!));
  return runs.map((run, i) => details(runName(runs, run), part(run) || soft(nothing(run)), i === 0))
    .join("\n");
}

/** A number of a run's summary. */
export function figureOf(run: RunView, key: string): number | null {
  const value = run.summary?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A text of a run's summary. */
export function textOf(run: RunView, key: string): string | null {
  const value = run.summary?.[key];
  return typeof value === "string" ? value : null;
}

/** A value at a path of a run's recipe. */
export function recipeValue(run: RunView, ...path: readonly string[]): unknown {
  let value: unknown = run.recipe;
  for (const key of path) {
    value = typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)[key]
      : undefined;
  }
  return value;
}
