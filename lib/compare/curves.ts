/**
 * Learning curves of a comparison.
 *
 * @module
 */
import { largest, smallest } from "../core/min_max.ts";
import type { Grid } from "./grid.ts";
import { type PlotMark, type Point, short, svg } from "../view/plot/line_plot.ts";
import type { RunCurves } from "./read_runs.ts";
import type { CompareReport } from "./report.ts";
import { type Axis, downsample, linear, logarithmic } from "../view/plot/axis.ts";
import { colourOf, dashOf } from "./style.ts";

/** Points of a curve: more would be finer than a pixel or two. */
const MAX_POINTS = 200;
/** Decay of the moving average at each logged step. */
const SMOOTHING = 0.9;
const SIZE = { width: 560, height: 300 };

/** Two plots as `<svg>` elements. */
interface LearningCurves {
  /** Training loss by step. */
  readonly loss: string;
  /** Test accuracy by epoch. */
  readonly accuracy: string;
  /** Whether the axis of accuracy is logarithmic in the error. */
  readonly logarithmicError: boolean;
}

/** Training loss by step and test accuracy by epoch. */
export function learningCurves(
  report: CompareReport,
  grid: Grid,
  curves: readonly RunCurves[],
): LearningCurves {
  const lines = curves.map((curve, i) => {
    const { row } = grid.cells[i]!;
    return {
      classes: `line ${colourOf(grid, row)} ${dashOf(grid, row)} r${row}`,
      loss: downsample(smooth(curve.loss), MAX_POINTS),
      accuracy: downsample(curve.accuracy, MAX_POINTS),
      // A run that diverged must not squeeze the others.
      counts: report.runs[i]!.status !== "diverged",
    };
  });
  const counted = lines.filter(({ counts }) => counts);
  const measured = counted.length > 0 ? counted : lines;
  const accuracies = measured.flatMap(({ accuracy }) => accuracy.map(([, value]) => value));
  const accuracyAxis = errorAxis(accuracies);
  return {
    logarithmicError: accuracyAxis !== undefined,
    loss: lossPlot(
      lines.map(({ classes, loss }) => ({ classes, points: loss })),
      measured.flatMap(({ loss }) => loss),
    ),
    accuracy: accuracyPlot(
      lines.map(({ classes, accuracy: points }) => ({ classes, points, dots: points.length < 40 })),
      accuracyAxis ?? linear(...padded(smallest(accuracies), largest(accuracies))),
    ),
  };
}

function lossPlot(marks: readonly PlotMark[], measured: readonly Point[]): string {
  const values = measured.map(([, loss]) => loss);
  const low = smallest(values), high = largest(values);
  const y = low > 0 && high > 5 * low
    ? logarithmic(low * 0.9, high * 1.1)
    : linear(...padded(low, high));
  return svg({
    ...SIZE,
    title: "training loss by step",
    x: linear(0, Math.max(1, lastX(marks))),
    y,
    xLabel: "step",
    format: short,
    marks,
  });
}

/** The largest x of all points. */
function lastX(marks: readonly PlotMark[]): number {
  return largest(marks.flatMap(({ points }) => points.map(([x]) => x)));
}

function accuracyPlot(marks: readonly PlotMark[], y: Axis): string {
  const epochs = Math.max(2, lastX(marks));
  const x = linear(1 - epochs * 0.01, epochs * 1.01); // Leaves room for the dots at the ends.
  return svg({
    ...SIZE,
    title: "test accuracy by epoch",
    x: { at: x.at, ticks: x.ticks.filter(Number.isInteger) },
    y,
    xLabel: "epoch",
    format: (value) => `${Number((value * 100).toFixed(3))}%`,
    marks,
  });
}

/**
 * An axis of accuracies that is logarithmic in the error: 99% is as far from 98% as 90% from 80%.
 * `undefined` if the errors are too similar to need it.
 */
function errorAxis(accuracies: readonly number[]): Axis | undefined {
  const errors = accuracies.map((accuracy) => 1 - accuracy);
  const least = smallest(errors.filter((error) => error > 0));
  const most = largest(errors);
  if (!Number.isFinite(least) || most < 5 * least) return undefined;
  // An error of zero would be at infinity.
  const scale = logarithmic(least * 0.8, Math.min(most * 1.1, 1));
  return {
    at: (accuracy) => 1 - scale.at(Math.max(1 - accuracy, least * 0.85)),
    ticks: scale.ticks.map((error) => 1 - error).toReversed(),
  };
}

/** An exponential moving average with bias correction, as in Adam. */
function smooth(points: readonly Point[]): Point[] {
  let sum = 0, weight = 0;
  return points.map(([x, y]) => {
    sum = SMOOTHING * sum + (1 - SMOOTHING) * y;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return [x, sum / weight];
  });
}

function padded(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const pad = (high - low) * 0.05;
  return [low - pad, high + pad];
}
