/**
 * Learning curves of a comparison.
 *
 * @module
 */
import { type Curve, curvePlot, shareTick, short, smooth } from "../view/plot/curve_plot.ts";
import { type Grid, rowName } from "./grid.ts";
import type { RunCurves } from "./read_runs.ts";
import type { CompareReport } from "./report.ts";
import { colourOf, dashOf } from "./style.ts";

/** Two figures as HTML; empty where nothing is known. */
interface LearningCurves {
  /** Training loss by step. */
  readonly loss: string;
  /** Test accuracy by epoch. */
  readonly accuracy: string;
}

/** Training loss by step and test accuracy by epoch. */
export function learningCurves(
  report: CompareReport,
  grid: Grid,
  curves: readonly RunCurves[],
): LearningCurves {
  const of = (points: (run: RunCurves) => Curve["points"], dots = false) =>
    curves.map((curve, i): Curve => {
      const { row } = grid.cells[i]!, run = report.runs[i]!;
      return {
        name: `${rowName(report.rows[row]!)}, seed ${run.seed}`,
        classes: `${colourOf(grid, row)} ${dashOf(grid, row)} r${row}`,
        points: points(curve),
        dots,
        aside: run.status === "diverged",
      };
    });
  return {
    loss: curvePlot({
      title: "training loss by step",
      curves: of(({ loss }) => smooth(loss)),
      format: short,
      scale: "spread",
    }),
    accuracy: curvePlot({
      title: "test accuracy by epoch",
      curves: of(({ accuracy }) => accuracy, true),
      format: shareTick,
      scale: "share",
      xLabel: "epoch",
    }),
  };
}
