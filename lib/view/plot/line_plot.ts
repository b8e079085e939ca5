/**
 * Line plots as inline SVG. Colours come from the page's classes; without scripts it is all there, and
 * the page's script reads the values of curves that have a name.
 *
 * @module
 */
import { withThousands } from "../../core/format.ts";
import { escape, nameHtml } from "../escape.ts";
import { type Axis, tenth } from "./axis.ts";

/** A point in the coordinates of both axes; one that is not finite is a gap in its line. */
export type Point = readonly [x: number, y: number];

/** A line, band or series of dots. */
export interface PlotMark {
  /** CSS classes. */
  readonly classes: string;
  /** The points of the line; for a band, of its lower edge. */
  readonly points: readonly Point[];
  /** The points of a band's upper edge. */
  readonly upper?: readonly Point[];
  /** Whether to draw a dot at every point. */
  readonly dots?: boolean;
  /** What the line is called when its values are read. */
  readonly name?: string;
}

interface Plot {
  /** The text for screen readers. */
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly xLabel: string;
  /** Formats a tick of the x axis; as a count by default. */
  readonly formatX?: (value: number) => string;
  /** Formats a tick of the y axis. */
  readonly format: (value: number) => string;
  /** What to know of the y axis, at its top. */
  readonly yNote?: string;
  /** Whether y is a share, 0–1, whose values are read in percent. */
  readonly share?: boolean;
  readonly marks: readonly PlotMark[];
}

/** Characters of a text for screen readers. */
const MAX_TEXT = 1000;
const LEFT = 52, RIGHT = 18, TOP = 8, BOTTOM = 34;

/** Renders a plot as one `<svg>` element. What is outside of the axes is clipped. */
export function svg(plot: Plot): string {
  const { title, width, height, x, y, xLabel, formatX = withThousands, format, marks } = plot;
  const w = width - LEFT - RIGHT, h = height - TOP - BOTTOM;
  const px = (value: number) => tenth(x.at(value) * w);
  // Limited to a few heights, which is invisible and keeps the text short.
  const py = (value: number) => tenth(Math.min(Math.max((1 - y.at(value)) * h, -2 * h), 3 * h));
  const grid = y.ticks.map((value) => {
    const at = py(value);
    return `<path class="grid" d="M0 ${at}H${w}"/><text x="-8" y="${at}" dy=".32em" ` +
      `text-anchor="end">${escape(format(value))}</text>`;
  });
  const marksOfX = x.ticks.map((value) =>
    `<text x="${px(value)}" y="${h + 16}" text-anchor="middle">${escape(formatX(value))}</text>`
  );
  const note = plot.yNote
    ? `<text x="${w}" y="12" text-anchor="end">${escape(plot.yNote)}</text>`
    : "";
  const place = ([a, b]: Point): Point => [px(a), py(b)];
  const drawn = marks.map((mark) => drawMark(mark, place));
  const read = marks.some(({ name }) => name !== undefined)
    ? ` tabindex="0" data-x="${
      escape(xLabel)
    }" data-left="${LEFT}" data-top="${TOP}" data-height="${h}"${
      plot.share ? ' data-share=""' : ""
    }`
    : "";
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${
    nameHtml(title, MAX_TEXT)
  }"${read}>` +
    `<g transform="translate(${LEFT} ${TOP})">${grid.join("")}${marksOfX.join("")}` +
    `<text class="axis" x="${w / 2}" y="${h + 31}" text-anchor="middle">${
      escape(xLabel)
    }</text>${note}` +
    `<svg width="${w}" height="${h}" overflow="hidden">${drawn.join("")}</svg></g></svg>`;
}

function drawMark(
  { classes, points, upper, dots, name }: PlotMark,
  place: (point: Point) => Point,
): string {
  const parts = partsOf(points.map((point) => [place(point), point] as const));
  if (parts.length === 0) return "";
  const text = (part: readonly (readonly [Point, Point])[]) =>
    `M${part.map(([[a, b]]) => `${a} ${b}`).join(" ")}`;
  const band = upper ? ` ${upper.toReversed().map((p) => place(p).join(" ")).join(" ")}Z` : "";
  const values = name === undefined
    ? ""
    : ` data-name="${nameHtml(name)}" data-values="${
      parts.flat().map(([, [x, y]]) => `${x} ${Number(y.toPrecision(5))}`).join(" ")
    }"`;
  const path = `<path class="${classes}"${values} d="${parts.map(text).join("")}${band}"/>`;
  // A point alone has no length: without a dot it would not be seen.
  const dotted = parts.flatMap((part) => dots || (part.length === 1 && !upper) ? part : []);
  const circles = dotted.map(([[a, b]]) =>
    `<circle class="${classes}" cx="${a}" cy="${b}" r="2.2"/>`
  );
  return path + circles.join("");
}

/** The stretches of a line between its gaps. */
function partsOf<T extends readonly [place: Point, point: Point]>(points: readonly T[]): T[][] {
  const parts: T[][] = [[]];
  for (const point of points) {
    if (point[0].every(Number.isFinite)) parts.at(-1)!.push(point);
    else if (parts.at(-1)!.length > 0) parts.push([]);
  }
  return parts.filter((part) => part.length > 0);
}

/** A number with up to three digits: `0.05`, `1,500`, `2e-5`. */
export function short(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) {
    return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e").replace("-", "−")
      .replace("e-", "e−");
  }
  const [whole = "", part] = String(Number(size.toPrecision(3))).split(".");
  const sign = value < 0 ? "−" : "";
  return `${sign}${withThousands(Number(whole))}${part === undefined ? "" : `.${part}`}`;
}
