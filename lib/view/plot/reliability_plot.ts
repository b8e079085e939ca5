/**
 * How far the probabilities of a classifier can be believed, as a figure.
 *
 * @module
 */
import { percent } from "../../core/format.ts";
import type { CalibrationBin } from "../../metrics/prediction_metrics.ts";
import { linear } from "./axis.ts";
import { shareTick } from "./curve_plot.ts";
import { type PlotMark, svg } from "./line_plot.ts";

/** The shares that were right by the probability that the network gave; one line for each list. */
export function reliabilityPlot(
  lists: readonly { readonly bins: readonly CalibrationBin[]; readonly classes: string }[],
): string {
  const even: PlotMark = { classes: "ideal", points: [[0, 0], [1, 1]] };
  const marks = lists.map(({ bins, classes }): PlotMark => ({
    classes: `line ${classes}`,
    points: bins.map(({ confidence, accuracy }) => [confidence, accuracy]),
    dots: true,
  }));
  const text = lists.length === 1
    ? lists[0]!.bins.map(({ confidence, accuracy }) =>
      `of ${percent(confidence, 0)} ${percent(accuracy, 0)} right`
    ).join(", ")
    : `of ${lists.length} runs`;
  return svg({
    width: 460,
    height: 320,
    title: `share that was right by probability: ${text}`,
    x: linear(0, 1, 5),
    y: linear(0, 1, 5),
    xLabel: "probability of the likeliest class",
    format: shareTick,
    marks: [even, ...marks],
  });
}
