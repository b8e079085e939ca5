/**
 * Confusion matrices: a table of numbers for few classes, a picture for many.
 *
 * @module
 */
import { percent, withThousands } from "../../core/format.ts";
import type { ConfusionCell } from "../../metrics/prediction_metrics.ts";
import { nameHtml } from "../escape.ts";
import { tenth } from "./axis.ts";

/** Classes whose numbers are readable. */
const MAX_TABLE = 20;
/** Rows of a picture: of more classes, neighbours share a row. */
const MAX_ROWS = 128;
/** Shades of a picture. */
const SHADES = 6;
/** Cells with a text of their own when pointed at: the largest. */
const MAX_TITLES = 800;
/** Names beside a picture. */
const MAX_NAMES = 34;
/** Pixels of a picture's matrix, of the names at its left, and below it. */
const SIDE = 640, LEFT = 150, BOTTOM = 120;

/**
 * Rows: what images are. Columns: what they were taken for. Shaded by the share of the row; what is
 * wrong is drawn stronger, by the root of its share, as it is less.
 *
 * @param classes names by label
 * @param cells those that are not 0
 * @returns an HTML fragment
 */
export function confusionPlot(classes: readonly string[], cells: readonly ConfusionCell[]): string {
  if (cells.length === 0) return "";
  return classes.length <= MAX_TABLE ? matrixTable(classes, cells) : picture(classes, cells);
}

/** How strong a cell is drawn, 0–1. */
function shadeOf(wrong: boolean, share: number): number {
  return wrong ? Math.sqrt(share) : share;
}

function matrixTable(classes: readonly string[], cells: readonly ConfusionCell[]): string {
  const rows = classes.map(() => classes.map(() => 0));
  for (const [label, predicted, images] of cells) rows[label]![predicted] = images;
  const head = classes.map((name) =>
    `<th scope="col" title="${nameHtml(name, 200)}"><span>${nameHtml(name, 24)}</span></th>`
  );
  const body = rows.map((row, label) => {
    const sum = row.reduce((a, b) => a + b, 0);
    const data = row.map((images, predicted) => {
      if (images === 0) return '<td class="zero">·</td>';
      const wrong = predicted !== label, shade = shadeOf(wrong, images / sum);
      const kinds = [wrong ? "wrong" : "", shade > 0.55 ? "strong" : ""].filter((kind) => kind);
      return `<td${kinds.length > 0 ? ` class="${kinds.join(" ")}"` : ""} style="--s:${
        shade.toFixed(2)
      }" title="${percent(images / sum)} of ${nameHtml(classes[label]!)}">${
        withThousands(images)
      }</td>`;
    });
    return `<tr><th scope="row" title="${nameHtml(classes[label]!, 200)}">${
      nameHtml(classes[label]!, 24)
    }</th>${data.join("")}</tr>`;
  });
  return `<div class="scroll" tabindex="0"><table class="matrix"><caption>Rows: what the images are. ` +
    `Columns: what they were taken for. The shade is the share of the row.</caption>
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
  const scale = SIDE / size;
  const drawn = drawCells(counts, sums, scale, per === 1 ? classes : undefined);
  const every = Math.ceil(size / MAX_NAMES), names: string[] = [];
  for (let row = 0; row < size; row += every) {
    const name = nameHtml(classes[row * per]!, 20), middle = tenth((row + 0.5) * scale);
    names.push(
      `<text x="-6" y="${middle}" dy=".32em" text-anchor="end">${name}</text>`,
      `<text transform="translate(${middle} ${SIDE + 8}) rotate(60)" dy=".32em">${name}</text>`,
    );
  }
  const right = cells.reduce((sum, [a, b, n]) => sum + (a === b ? n : 0), 0);
  const all = cells.reduce((sum, [, , n]) => sum + n, 0);
  const label = `confusion matrix of ${withThousands(classes.length)} classes: ` +
    `${percent(right / all)} of ${withThousands(all)} images are on its diagonal`;
  return `<svg class="cells" viewBox="-${LEFT} -4 ${LEFT + SIDE + 70} ${
    SIDE + BOTTOM
  }" role="img" aria-label="${label}"><path class="frame" d="M0 0H${SIDE}V${SIDE}H0z"/>${drawn}${
    names.join("")
  }</svg><p class="soft">Rows: what the images are. Columns: what they were taken for. Blue: right; ` +
    `red: wrong, drawn stronger as it is less.${
      per > 1 ? ` Each cell holds ${per} × ${per} classes.` : ""
    }${every > 1 ? ` One of ${every * per} classes has its name.` : ""}</p>`;
}

/** The cells as squares, those of one shade in one path; the largest with a text of their own. */
function drawCells(
  counts: ReadonlyMap<number, number>,
  sums: Float64Array,
  scale: number,
  classes: readonly string[] | undefined,
): string {
  const size = sums.length, side = tenth(scale);
  const titled = classes ? new Set(largestCells(counts, MAX_TITLES)) : new Set<number>();
  const paths = new Map<string, string>(), single: string[] = [];
  for (const [cell, images] of counts) {
    const row = Math.floor(cell / size), column = cell % size, wrong = row !== column;
    const share = images / sums[row]!, shade = Math.ceil(shadeOf(wrong, share) * SHADES);
    const kind = `s${Math.max(1, shade)}${wrong ? " wrong" : ""}`;
    const box = `M${tenth(column * scale)} ${tenth(row * scale)}h${side}v${side}h-${side}z`;
    if (!titled.has(cell)) {
      paths.set(kind, (paths.get(kind) ?? "") + box);
      continue;
    }
    const text = `${nameHtml(classes![row]!)} taken for ${nameHtml(classes![column]!)}: ${
      withThousands(images)
    } (${percent(share)})`;
    single.push(`<path class="${kind}" d="${box}"><title>${text}</title></path>`);
  }
  return [...paths].map(([kind, d]) => `<path class="${kind}" d="${d}"/>`).join("") +
    single.join("");
}

function largestCells(counts: ReadonlyMap<number, number>, count: number): number[] {
  return [...counts].toSorted((a, b) => b[1] - a[1]).slice(0, count).map(([cell]) => cell);
}
