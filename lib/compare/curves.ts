/**
 * Learning curves of a comparison.
 *
 * @module
 */
import type { Grid } from "./grid.ts";
import { type Mark, type Point, short, svg } from "./plot.ts";
import type { RunCurves } from "./read_runs.ts";
import type { Report } from "./report.ts";
import { linear, logarithmic, quantile, thin } from "./scale.ts";
import { colourOf, dashOf } from "./style.ts";

/** Points of a curve: more than one a pixel or two nobody sees. */
const MOST_POINTS = 200;
/** What the average keeps at each logged step. */
const KEPT = 0.9;
const SIZE = { width: 560, height: 300 };

/** Training loss by step and test accuracy by epoch, as two `<svg>` elements. */
export function learningCurves(
  report: Report,
  grid: Grid,
  curves: readonly RunCurves[],
): { loss: string; accuracy: string } {
  const lines = curves.map((curve, i) => {
    const { row } = grid.cells[i]!;
    return {
      classes: `line ${colourOf(grid, row)} ${dashOf(grid, row)} r${row}`,
      loss: thin(smooth(curve.loss), MOST_POINTS),
      accuracy: thin(curve.accuracy, MOST_POINTS),
      // One that diverges must not push the others together.
      counts: report.runs[i]!.status !== "diverged",
    };
  });
  const counted = lines.filter(({ counts }) => counts);
  const measured = counted.length > 0 ? counted : lines;
  return {
    loss: lossPlot(lines.map(({ classes, loss }) => ({ classes, points: loss })), [
      ...measured.flatMap(({ loss }) => loss),
    ]),
    accuracy: accuracyPlot(
      lines.map(({ classes, accuracy: points }) => ({ classes, points, dots: points.length < 40 })),
      measured.flatMap(({ accuracy }) => accuracy),
    ),
  };
}

function lossPlot(marks: readonly Mark[], measured: readonly Point[]): string {
  const values = measured.map(([, loss]) => loss);
  const low = Math.min(...values), high = Math.max(...values);
  const y = low > 0 && high > 5 * low
    ? logarithmic(low * 0.9, high * 1.1)
    : linear(...extended(low, high));
  return svg({
    ...SIZE,
    title: "training loss by step",
    x: linear(0, Math.max(1, ...marks.flatMap(({ points }) => points.map(([step]) => step)))),
    y,
    xLabel: "step",
    format: short,
    marks,
  });
}

function accuracyPlot(marks: readonly Mark[], measured: readonly Point[]): string {
  const values = measured.map(([, accuracy]) => accuracy);
  // A first epoch that is far below would flatten all that follows.
  const low = Math.max(Math.min(...values), quantile(values, 0.5) - 0.5);
  const epochs = Math.max(2, ...marks.flatMap(({ points }) => points.map(([epoch]) => epoch)));
  const x = linear(1 - epochs * 0.01, epochs * 1.01); // Room for the dots at the ends.
  return svg({
    ...SIZE,
    title: "test accuracy by epoch",
    x: { at: x.at, ticks: x.ticks.filter(Number.isInteger) },
    y: linear(...extended(low, Math.max(...values))),
    xLabel: "epoch",
    format: (value) => `${Number((value * 100).toFixed(2))}%`,
    marks,
  });
}

/** An exponential average without the pull of its beginning at zero. */
export function smooth(points: readonly Point[]): Point[] {
  let sum = 0, weight = 0;
  return points.map(([x, y]) => {
    sum = KEPT * sum + (1 - KEPT) * y;
    weight = KEPT * weight + (1 - KEPT);
    return [x, sum / weight];
  });
}

function extended(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const pad = (high - low) * 0.05;
  return [low - pad, high + pad];
}
