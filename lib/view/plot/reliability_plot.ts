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

/** Evaluated images of one run by confidence, and the CSS classes of their line. */
interface Reliability {
  readonly bins: readonly CalibrationBin[];
  readonly classes: string;
}

/**
 * A reliability diagram: the share that was right by the probability that the network gave, one line for
 * each list; dashed, as it should be. Empty without images.
 */
export function reliabilityPlot(lists: readonly Reliability[]): string {
  const filled = lists.filter(({ bins }) => bins.length > 0);
  if (filled.length === 0) return "";
  const marks = filled.map(({ bins, classes }): PlotMark => ({
    classes: `line ${classes}`,
    points: bins.map(({ confidence, accuracy }) => [confidence, accuracy]),
    dots: true,
  }));
  const text = filled.length === 1
    ? filled[0]!.bins.map(({ confidence, accuracy }) =>
      `at ${percent(confidence, 0)}, ${percent(accuracy, 0)} right`
    ).join("; ")
    : `${filled.length} runs`;
  return svg({
    width: 460,
    height: 320,
    title: `share that was right by probability: ${text}`,
    x: linear(0, 1, 5),
    y: linear(0, 1, 5),
    xLabel: "probability of the likeliest class",
    formatX: shareTick,
    format: shareTick,
    marks: [{ classes: "ideal", points: [[0, 0], [1, 1]] }, ...marks],
  });
}
