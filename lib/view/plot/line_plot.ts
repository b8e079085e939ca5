/**
 * Line plots as inline SVG without scripts. Colours come from the page's classes.
 *
 * @module
 */
import { escape } from "../escape.ts";
import type { Axis } from "./axis.ts";

/** A point in the coordinates of both axes. */
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
  readonly marks: readonly PlotMark[];
  /** Curves whose values the page's script shows at the step under the pointer. */
  readonly readings?: readonly {
    readonly name: string;
    /** CSS class of its colour. */
    readonly colour: string;
    readonly points: readonly Point[];
  }[];
}

const LEFT = 52, RIGHT = 10, TOP = 8, BOTTOM = 34;

/** Renders a plot as one `<svg>` element. What is outside of the axes is clipped. */
export function svg(plot: Plot): string {
  const { title, width, height, x, y, xLabel, formatX = count, format, marks, readings = [] } =
    plot;
  const w = width - LEFT - RIGHT, h = height - TOP - BOTTOM;
  const px = (value: number) => Math.round(x.at(value) * w * 10) / 10;
  // Limited to a few heights, which is invisible and keeps the text short.
  const py = (value: number) =>
    Math.round(Math.min(Math.max((1 - y.at(value)) * h, -2 * h), 3 * h) * 10) / 10;
  const point = ([a, b]: Point) => `${px(a)} ${py(b)}`;
  const grid = y.ticks.map((value) => {
    const at = py(value);
    return `<path class="grid" d="M0 ${at}H${w}"/><text x="-8" y="${at}" dy=".32em" ` +
      `text-anchor="end">${escape(format(value))}</text>`;
  });
  const marksOfX = x.ticks.map((value) =>
    `<text x="${px(value)}" y="${h + 16}" text-anchor="middle">${escape(formatX(value))}</text>`
  );
  const drawn = marks.map(({ classes, points, upper, dots }) => {
    if (points.length === 0) return "";
    const band = upper ? ` ${upper.toReversed().map(point).join(" ")}Z` : "";
    const path = `<path class="${classes}" d="M${points.map(point).join(" ")}${band}"/>`;
    const circles = dots || (points.length === 1 && !upper)
      ? points.map(([a, b]) => `<circle class="${classes}" cx="${px(a)}" cy="${py(b)}" r="2.2"/>`)
      : [];
    return path + circles.join("");
  });
  const series = readings.length === 0 ? "" : ` tabindex="0" data-series="${
    escape(JSON.stringify({
      name: xLabel,
      height: h,
      left: LEFT,
      curves: readings.map(({ name, colour: c, points }) => ({
        name,
        c,
        points: points.map(([a, b]) => [px(a), py(b), a, Number(b.toPrecision(5))]),
      })),
    }))
  }"`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${
    escape(title)
  }"${series}>` +
    `<g transform="translate(${LEFT} ${TOP})">${grid.join("")}${marksOfX.join("")}` +
    `<text class="axis" x="${w / 2}" y="${h + 31}" text-anchor="middle">${escape(xLabel)}</text>` +
    `<svg width="${w}" height="${h}" overflow="hidden">${drawn.join("")}</svg>${
      readings.length === 0 ? "" : '<g class="readings"></g>'
    }</g></svg>`;
}

/** A number with up to three digits: `0.05`, `1,500`, `2e-5`. */
export function short(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) {
    return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e").replace("-", "−")
      .replace("e-", "e−");
  }
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumSignificantDigits: 3 })
    .replace("-", "−");
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
