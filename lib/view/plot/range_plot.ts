/**
 * Plots of what quantizers observed and the ranges that they used.
 *
 * @module
 */
import { percent } from "../../core/format.ts";
import { largest } from "../../core/min_max.ts";
import { nameHtml } from "../escape.ts";
import type { RangePoint } from "../run_log.ts";
import { type Axis, downsample, linear, quantile, tenth } from "./axis.ts";
import { type Point, short, svg } from "./line_plot.ts";

/** What a panel shows of a logged step. */
type Seen = Omit<RangePoint, "clipped">;

/** The y axis of all panels of a quantizer: most of the observed values, so that one outlier hides nothing. */
export function rangeAxis(points: readonly Seen[]): Axis {
  const seen = points.filter(({ min, max }) => min !== null && max !== null);
  if (seen.length === 0) return linear(-1, 1);
  const low = Math.min(quantile(seen.map(({ min }) => min!), 0.01), 0);
  const high = Math.max(quantile(seen.map(({ max }) => max!), 0.99), 0);
  const pad = (high - low) * 0.12;
  return linear(low - pad, high + pad, 7);
}

/** How a panel is drawn. */
interface PanelStyle {
  readonly y: Axis;
  /** The class of its colour. */
  readonly classes: string;
  /** Points of a curve. */
  readonly most: number;
  /** The last step of the x axis; that of the last point by default. */
  readonly last?: number;
}

/** A quantizer's observed values as a band, and the range in use as lines, by step. */
export function rangePanel(
  title: string,
  all: readonly Seen[],
  { y, classes, most, last = all.at(-1)?.step ?? 1 }: PanelStyle,
): string {
  const points = downsample(all.filter(({ min, max }) => min !== null && max !== null), most);
  const used = points.filter(({ low, high }) => low !== null && high !== null);
  return svg({
    width: 460,
    height: 210,
    title: `${title}: observed minimum and maximum, and the range in use, by step`,
    x: linear(0, Math.max(1, last), 4),
    y,
    xLabel: "step",
    format: short,
    marks: [
      {
        classes: `band ${classes}`,
        points: points.map(({ step, min }): Point => [step, min!]),
        upper: points.map(({ step, max }): Point => [step, max!]),
      },
      // A range always includes zero, as the code of zero must be exact.
      { classes: "used", points: used.map(({ step, low }): Point => [step, Math.min(low!, 0)]) },
      { classes: "used", points: used.map(({ step, high }): Point => [step, Math.max(high!, 0)]) },
    ],
  });
}

const ROW = 18, NAME = 190, PLOT = 420, SHARE = 90, TOP = 22;

/** A quantizer in the overview. */
interface OverviewRow {
  readonly name: string;
  /** The last logged step. */
  readonly last: RangePoint;
  /** Mean clipped share, 0–1. */
  readonly clipped: number;
}

/** Positions of values on a symmetric logarithmic axis, and the values to mark. */
interface SymmetricAxis {
  at(value: number): number;
  readonly ticks: readonly number[];
}

/**
 * All quantizers, one below the other: what was seen at the last logged step, the range in use, the
 * share that was clipped. The axis is symmetric and logarithmic, as weights and gradients differ by
 * powers of ten. Empty if nothing was seen.
 */
export function rangeOverview(title: string, rows: readonly OverviewRow[]): string {
  const ends = rows.flatMap(({ last: { low, high, min, max } }) => [low, high, min, max])
    .filter((value) => value !== null && value !== 0 && Number.isFinite(value))
    .map((value) => Math.abs(value!));
  if (ends.length === 0) return "";
  const axis = symmetricAxis(ends), height = TOP + rows.length * ROW + 4;
  const grid = axis.ticks.map((value) =>
    `<path class="grid" d="M${axis.at(value)} ${TOP}V${height}"/><text x="${
      axis.at(value)
    }" y="14" text-anchor="middle">${short(value)}</text>`
  );
  const lines = rows.map((row, i) => overviewRow(row, TOP + (i + 0.5) * ROW, axis));
  return `<svg class="c0 overview" viewBox="0 0 ${
    NAME + PLOT + SHARE + 80
  } ${height}" role="img" aria-label="${nameHtml(title, 200)}">${grid.join("")}<text x="${
    NAME + PLOT + 12
  }" y="14">clipped</text>${lines.join("")}</svg>`;
}

/** @param sizes of the values that are shown, above 0; at least one */
function symmetricAxis(sizes: readonly number[]): SymmetricAxis {
  const most = largest(sizes), least = Math.max(quantile(sizes, 0.02), most * 1e-7);
  const decades = Math.max(1, Math.log10(most / least) + 0.7);
  const powers: number[] = [], step = Math.max(1, Math.ceil(decades / 3));
  for (let k = Math.floor(Math.log10(most)); 10 ** k > least; k -= step) powers.push(10 ** k);
  return {
    at: (value) => {
      const part = Math.max(0, Math.log10(Math.abs(value) / least) + 0.6) / decades;
      return tenth(NAME + PLOT / 2 * (1 + Math.sign(value) * Math.min(1, part)));
    },
    ticks: [0, ...powers, ...powers.map((value) => -value)],
  };
}

function overviewRow({ name, last, clipped }: OverviewRow, y: number, axis: SymmetricAxis): string {
  const { low, high, min, max } = last, { at } = axis;
  const seen = min === null || max === null
    ? ""
    : `<path class="seen" d="M${at(min)} ${y}H${at(max) + (min === max ? 1 : 0)}"/>`;
  const used = low === null || high === null
    ? ""
    : `<path class="range" d="M${at(Math.min(low, 0))} ${y - 5}v10m0-5H${
      at(Math.max(high, 0))
    }m0-5v10"/>`;
  const text = `${name}: saw ${value(min)} to ${value(max)}, range ${value(low)} to ${
    value(high)
  }, clipped ${percent(clipped, 3)}`;
  // By the root of the share, so that a thousandth is still seen.
  const width = tenth(Math.max(1, Math.min(1, Math.sqrt(clipped)) * SHARE));
  const bar = clipped > 0
    ? `<rect class="bar" x="${NAME + PLOT + 12}" y="${y - 4}" width="${width}" height="8"/>` +
      `<text x="${tenth(NAME + PLOT + 18 + width)}" y="${y}" dy=".32em">${
        clipped < 5e-6 ? "&lt;0.001%" : percent(clipped, clipped < 0.01 ? 3 : 1)
      }</text>`
    : "";
  return `<g><title>${nameHtml(text, 300)}</title><text x="${NAME - 8}" y="${y}" dy=".32em" ` +
    `text-anchor="end">${nameHtml(name, 28)}</text>${seen}${used}${bar}</g>`;
}

const value = (x: number | null) => x === null ? "unknown" : short(x);
