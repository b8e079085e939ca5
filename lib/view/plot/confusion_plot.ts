/**
 * Confusion matrices: a table of numbers for few classes, a picture for many.
 *
 * @module
 */
import { percent, withThousands } from "../../core/format.ts";
import type { ConfusionCell } from "../../metrics/prediction_metrics.ts";
import { escape, nameHtml } from "../escape.ts";

/** Classes whose numbers are readable. */
const MAX_TABLE = 16;
/** Rows of a picture: of more classes, neighbours share a cell. */
const MAX_ROWS = 128;
/** Shades of a picture. */
const SHADES = 6;
/** Cells with a text of their own when pointed at. */
const MAX_TITLES = 1500;
/** Names beside a picture. */
const MAX_NAMES = 32;

/** Rows: what images are. Columns: what they were taken for. */
export function confusionPlot(classes: readonly string[], cells: readonly ConfusionCell[]): string {
  return classes.length <= MAX_TABLE ? matrixTable(classes, cells) : picture(classes, cells);
}

function matrixTable(classes: readonly string[], cells: readonly ConfusionCell[]): string {
  const rows = classes.map(() => classes.map(() => 0));
  for (const [label, predicted, images] of cells) rows[label]![predicted] = images;
  const head = classes.map((name) =>
    `<th scope="col" title="${nameHtml(name)}"><span>${nameHtml(name, 24)}</span></th>`
  );
  const body = rows.map((row, label) => {
    const sum = row.reduce((a, b) => a + b, 0);
    const data = row.map((images, predicted) => {
      if (images === 0) return '<td class="zero">·</td>';
      const share = images / sum, wrong = predicted !== label;
      // Wrong ones are few, and matter: they are drawn stronger.
      const shade = wrong ? Math.sqrt(share) : share;
      const kinds = [wrong ? "wrong" : "", shade > 0.6 ? "strong" : ""].filter((kind) =>
        kind !== ""
      );
      return `<td${kinds.length > 0 ? ` class="${kinds.join(" ")}"` : ""} style="--s:${
        shade.toFixed(2)
      }" title="${percent(share)} of ${nameHtml(classes[label]!)}">${withThousands(images)}</td>`;
    });
    return `<tr><th scope="row" title="${nameHtml(classes[label]!)}">${
      nameHtml(classes[label]!, 24)
    }</th>${data.join("")}</tr>`;
  });
  return `<div class="scroll"><table class="matrix c0"><caption>Rows: what the images are. Columns: what ` +
    `they were taken for. The shade is the share of the row.</caption>
<thead><tr><td></td>${head.join("")}</tr></thead>
<tbody>${body.join("\n")}</tbody></table></div>`;
}

function picture(classes: readonly string[], cells: readonly ConfusionCell[]): string {
  const per = Math.ceil(classes.length / MAX_ROWS), size = Math.ceil(classes.length / per);
  const counts = new Map<number, number>(), sums = new Float64Array(size);
  for (const [label, predicted, images] of cells) {
    const row = Math.floor(label / per), cell = row * size + Math.floor(predicted / per);
    counts.set(cell, (counts.get(cell) ?? 0) + images);
    sums[row]! += images;
  }
  const scale = 640 / size, edge = 150;
  const at = (cell: number) => Math.round((cell * scale) * 10) / 10;
  const side = Math.round(scale * 10) / 10;
  const shades = new Map<string, string[]>(), titled: string[] = [];
  for (const [cell, images] of counts) {
    const row = Math.floor(cell / size), column = cell % size, share = images / sums[row]!;
    const wrong = row !== column, shade = wrong ? Math.sqrt(share) : share;
    const level = Math.max(1, Math.ceil(shade * SHADES)),
      kind = wrong ? "wrong-ones" : "right-ones";
    const box = `M${at(column)} ${at(row)}h${side}v${side}h-${side}z`;
    if (counts.size <= MAX_TITLES && per === 1) {
      const text = `${classes[row]} taken for ${classes[column]}: ${images} (${percent(share)})`;
      titled.push(
        `<path class="${kind}" opacity="${(level / SHADES).toFixed(2)}" d="${box}"><title>${
          escape(text)
        }</title></path>`,
      );
      continue;
    }
    const key = `${kind}" opacity="${(level / SHADES).toFixed(2)}`, list = shades.get(key) ?? [];
    shades.set(key, list);
    list.push(box);
  }
  const paths = [...shades].map(([key, boxes]) => `<path class="${key}" d="${boxes.join("")}"/>`);
  const every = Math.ceil(size / MAX_NAMES), names: string[] = [];
  for (let row = 0; row < size; row += every) {
    const name = nameHtml(classes[row * per]!, 20), middle = at(row + 0.5);
    names.push(
      `<text x="-8" y="${middle}" dy=".32em" text-anchor="end">${name}</text>`,
      `<text transform="translate(${middle} 648) rotate(60)" dy=".32em">${name}</text>`,
    );
  }
  const label = `confusion matrix of ${classes.length} classes; the table of confused classes ` +
    "has its largest cells";
  return `<svg class="cells c0" viewBox="-${edge} -4 ${
    edge + 720
  } 820" role="img" aria-label="${label}">` +
    `<path class="frame" d="M0 0H640V640H0z"/>${paths.join("")}${titled.join("")}${
      names.join("")
    }</svg>` +
    `<p class="soft">Rows: what the images are. Columns: what they were taken for. Blue: right; red: ` +
    `wrong, drawn stronger as it is less.${
      per > 1 ? ` Each cell is ${per} × ${per} classes.` : ""
    }</p>`;
}
