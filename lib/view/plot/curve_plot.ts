/**
 * Curves by training step: loss, accuracy, learning rate, speed.
 *
 * @module
 */
import { largest, smallest } from "../../core/min_max.ts";
import { type Axis, downsample, linear, logarithmic, quantile } from "./axis.ts";
import { type PlotMark, type Point, short, svg } from "./line_plot.ts";

/** Points of a curve: more would be finer than a pixel or two; and of all curves of a figure. */
const MAX_POINTS = 240, MIN_POINTS = 24, MAX_ALL = 2000;
/** Decay of the moving average at each logged step. */
const SMOOTHING = 0.9;
const SIZE = { width: 560, height: 290 };

/** A curve. */
export interface Curve {
  /** What it shows, for the figure's description. */
  readonly name: string;
  /** CSS classes of its line. */
  readonly classes: string;
  /** By step; null where there is no number, which leaves a gap. */
  readonly points: readonly (readonly [step: number, value: number | null])[];
  /** Whether to draw a dot at each point. */
  readonly dots?: boolean;
}

/** What a figure of curves shows. */
export interface CurvePlot {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** Formats a value. */
  readonly format: (value: number) => string;
  /** `spread`: logarithmic where values differ much; `share`: 0 to 1; `zero`: from 0. */
  readonly scale: "spread" | "share" | "zero";
  /** Steps to mark at the bottom. */
  readonly skipped?: readonly number[];
}

/** Renders curves as one `<svg>` element; empty if they have no number. */
export function curvePlot(plot: CurvePlot): string {
  const { title, curves, format } = plot;
  const values = curves.flatMap(({ points }) => points.flatMap(([, v]) => v === null ? [] : [v]));
  if (values.length === 0) return "";
  const skipped = downsample(plot.skipped ?? [], MAX_POINTS);
  const steps = curves.flatMap(({ points }) => points.map(([step]) => step));
  const x = linear(0, Math.max(1, largest(steps), largest(skipped)), 5);
  const { axis: y, low } = axisOf(plot, values);
  const most = Math.min(MAX_POINTS, Math.max(MIN_POINTS, Math.floor(MAX_ALL / curves.length)));
  const drawn = curves.map((curve) => ({ ...curve, points: downsample(curve.points, most) }));
  const marks = drawn.flatMap(({ points, classes, dots }): PlotMark[] =>
    parts(points).map((part) => ({
      classes: `line ${classes}`,
      points: part,
      dots: dots === true && points.length < 40,
    }))
  );
  if (skipped.length > 0) {
    marks.push({
      classes: "skipped",
      points: skipped.map((step): Point => [step, low]),
      dots: true,
    });
  }
  return svg({
    ...SIZE,
    title: `${title}. ${describe(curves, format)}`,
    x: { at: x.at, ticks: x.ticks.filter(Number.isInteger) },
    y,
    xLabel: "step",
    format,
    marks,
    readings: drawn.filter(({ classes }) => !classes.includes("faint"))
      .map(({ name, classes, points }) => ({
        name,
        colour: classes.split(" ")[0]!,
        points: parts(points).flat(),
      })),
  });
}

/** An exponential moving average with bias correction, as in Adam; gaps stay. */
export function smooth(points: Curve["points"]): Curve["points"] {
  let sum = 0, weight = 0;
  return points.map(([x, y]) => {
    if (y === null) return [x, null];
    sum = SMOOTHING * sum + (1 - SMOOTHING) * y;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return [x, sum / weight];
  });
}

/** The last value of each of the first curves, in words. */
function describe(curves: readonly Curve[], format: (value: number) => string): string {
  const last = curves.flatMap(({ name, points }) => {
    const value = points.findLast(([, v]) => v !== null)?.[1];
    return value === undefined || value === null ? [] : [`${name}: ${format(value)}`];
  });
  return `At the end: ${last.slice(0, 8).join("; ")}`;
}

function axisOf({ scale }: CurvePlot, values: readonly number[]): { axis: Axis; low: number } {
  let low = smallest(values), high = largest(values);
  if (scale === "spread" && low > 0 && high > 5 * low) {
    return { axis: logarithmic(low * 0.9, high * 1.1), low: low * 0.9 };
  }
  // One outlier must not squeeze the rest.
  if (scale === "zero") [low, high] = [Math.min(0, low), 1.3 * quantile(values, 0.98) || high];
  const pad = (high - low) * 0.05;
  if (scale !== "zero") low -= pad;
  if (scale === "share") [low, high] = [Math.max(0, low), Math.min(1, high + pad)];
  else high += pad;
  return { axis: linear(low, high, 6), low };
}

/** The stretches of a curve between its gaps. */
function parts(points: Curve["points"]): Point[][] {
  const all: Point[][] = [[]];
  for (const [x, y] of points) {
    if (y !== null) all.at(-1)!.push([x, y]);
    else if (all.at(-1)!.length > 0) all.push([]);
  }
  return all.filter((part) => part.length > 0);
}

/** A share as a tick: `92.5%`. */
export function shareTick(value: number): string {
  return `${Number((value * 100).toFixed(3))}%`;
}

export { short };
