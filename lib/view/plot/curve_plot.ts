/**
 * Curves over the steps of a run: loss, accuracy, learning rate, speed.
 *
 * @module
 */
import { percent, withThousands } from "../../core/format.ts";
import { largest, smallest } from "../../core/min_max.ts";
import { nameHtml } from "../escape.ts";
import { type Axis, downsample, errorAxis, linear, logarithmic, quantile } from "./axis.ts";
import { type PlotMark, type Point, short, svg } from "./line_plot.ts";

/** Points of a curve: more would be finer than a pixel or two; and of all curves of a figure. */
const MAX_POINTS = 240, MIN_POINTS = 24, MAX_ALL = 2000;
/** Curves with fewer points have dots. */
const MAX_DOTS = 40;
/** Curves whose last values are written out; of more, the script tells the one that is pointed at. */
const MAX_TEXT = 6;
/** Epochs whose ends are marked. */
const MAX_EPOCHS = 60;
/** Decay of the moving average at each logged step. */
const SMOOTHING = 0.9;
const SIZE = { width: 560, height: 290 };

/** A curve. */
export interface Curve {
  /** What it shows: what its values are called when they are read. */
  readonly name: string;
  /** CSS classes of its line. */
  readonly classes: string;
  /** By step; null where there is no number, which leaves a gap. */
  readonly points: readonly (readonly [step: number, value: number | null])[];
  /** Whether to draw a dot at each point, where these are few. */
  readonly dots?: boolean;
  /** Whether the axes are not widened for it: a run that diverged must not squeeze the others. */
  readonly aside?: boolean;
}

/** What a figure of curves shows. */
interface CurvePlot {
  /** What it shows, for readers that hear it. */
  readonly title: string;
  readonly curves: readonly Curve[];
  /** Formats a value. */
  readonly format: (value: number) => string;
  /**
   * `spread`: logarithmic where values differ much; `share`: 0 to 1, logarithmic in what is missing to 1
   * where that differs much; `zero`: from 0.
   */
  readonly scale: "spread" | "share" | "zero";
  /** What x is; `step` by default. */
  readonly xLabel?: string;
  /** Steps to mark at the bottom, as they were skipped. */
  readonly skipped?: readonly number[];
  /** Steps at which an epoch ended. */
  readonly epochs?: readonly number[];
}

/**
 * Renders curves as an `<svg>` element and a line of text with the last values, which the page's script
 * replaces by those under the pointer. Empty if they have no number.
 */
export function curvePlot(plot: CurvePlot): string {
  const { title, curves, format, xLabel = "step", epochs = [] } = plot;
  const counted = curves.filter(({ aside }) => !aside);
  const values = numbersOf(counted).length > 0 ? numbersOf(counted) : numbersOf(curves);
  if (values.length === 0) return "";
  const skipped = downsample(plot.skipped ?? [], MAX_POINTS);
  const x = stepAxis(curves, skipped, xLabel);
  const { axis: y, low, high, note } = valueAxis(plot.scale, values);
  const most = Math.min(MAX_POINTS, Math.max(MIN_POINTS, Math.floor(MAX_ALL / curves.length)));
  const shown = curves.map((curve): PlotMark => ({
    classes: `line ${curve.classes}`,
    points: downsample(curve.points, most).map(([step, value]): Point => [step, value ?? NaN]),
    dots: curve.dots === true && curve.points.length < MAX_DOTS,
    name: curve.name,
  }));
  const text = lastValues(curves, plot.scale === "share" ? (v) => percent(v, 2) : format);
  const figure = svg({
    ...SIZE,
    title: `${title}: ${text}`,
    x,
    y,
    xLabel,
    format,
    share: plot.scale === "share",
    ...(note === undefined ? {} : { yNote: note }),
    marks: [
      ...(epochs.length <= MAX_EPOCHS ? [verticals("epoch", epochs, low, high)] : []),
      ...shown,
      { classes: "skipped", points: skipped.map((step): Point => [step, low]), dots: true },
    ],
  });
  return `${figure}<p class="readout">${nameHtml(text, 1000)}</p>`;
}

/** An exponential moving average with bias correction, as in Adam; gaps stay. */
export function smooth(points: Curve["points"]): Curve["points"] {
  let sum = 0, weight = 0;
  return points.map(([x, y]) => {
    if (y === null || !Number.isFinite(y)) return [x, null];
    sum = SMOOTHING * sum + (1 - SMOOTHING) * y;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return [x, sum / weight];
  });
}

function numbersOf(curves: readonly Curve[]): number[] {
  return curves.flatMap(({ points }) =>
    points.flatMap(([, value]) => value !== null && Number.isFinite(value) ? [value] : [])
  );
}

/** The last value of each curve, in words. */
function lastValues(curves: readonly Curve[], format: (value: number) => string): string {
  const last = curves.flatMap(({ name, points }) => {
    const point = points.findLast(([, value]) => value !== null && Number.isFinite(value));
    return point ? [`${name} ${format(point[1]!)} (${withThousands(point[0])})`] : [];
  });
  return last.length > MAX_TEXT ? `${last.length} curves` : last.join(", ");
}

function stepAxis(curves: readonly Curve[], skipped: readonly number[], xLabel: string): Axis {
  const steps = curves.flatMap(({ points }) => points.map(([step]) => step));
  const last = Math.max(largest(steps), largest(skipped));
  // Epochs are few, and count from one: there is room for the dots at both ends.
  const x = xLabel === "epoch"
    ? linear(1 - Math.max(2, last) * 0.01, Math.max(2, last) * 1.01)
    : linear(0, Math.max(1, last) * 1.01);
  return { at: x.at, ticks: x.ticks.filter(Number.isInteger) };
}

function valueAxis(
  scale: CurvePlot["scale"],
  values: readonly number[],
): { readonly axis: Axis; readonly low: number; readonly high: number; readonly note?: string } {
  let low = smallest(values), high = largest(values);
  if (scale === "spread") {
    const least = smallest(values.filter((value) => value > 0));
    if (high > 5 * least && low >= 0) {
      // More than six decades would be of one outlier.
      [low, high] = [Math.max(least, high * 1e-6) * 0.9, high * 1.1];
      return { axis: logarithmic(low, high), low, high };
    }
  }
  const error = scale === "share" ? errorAxis(values) : undefined;
  if (error) return { axis: error, low: 2 * low - 1, high, note: "logarithmic in the error" };
  // One outlier must not squeeze the rest.
  if (scale === "zero") [low, high] = [Math.min(0, low), 1.3 * quantile(values, 0.98) || high || 1];
  const pad = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.05;
  if (scale !== "zero") [low, high] = [low - pad, high + pad];
  if (scale === "share") [low, high] = [Math.max(0, low), Math.min(1, high)];
  return { axis: linear(low, high, 6), low, high };
}

/** Lines from the bottom to the top, as one path. */
function verticals(classes: string, xs: readonly number[], low: number, high: number): PlotMark {
  return {
    classes,
    points: xs.flatMap((x): Point[] => [[x, low], [x, high], [NaN, NaN]]),
  };
}

/** A share as a tick: `92.5%`. */
export function shareTick(value: number): string {
  return `${Number((value * 100).toFixed(3))}%`;
}

export { short };
