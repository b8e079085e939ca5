/**
 * The section of a report with the learning curves.
 *
 * @module
 */
import { curvePlot, shareTick, short, smooth } from "../plot/curve_plot.ts";
import type { Curve } from "../plot/curve_plot.ts";
import { nameHtml } from "../escape.ts";
import type { Section } from "../page.ts";
import type { RunView } from "../run_log.ts";
import { colour } from "../style.ts";
import { figure, nameOf, runName, soft } from "./html.ts";

/** Loss, accuracy, learning rate and gradient norm by step; runs over each other. */
export function curvesSection(runs: readonly RunView[]): Section {
  return { id: "curves", title: "Learning curves", html: curvesHtml(runs) };
}

function curvesHtml(runs: readonly RunView[]): string {
  if (runs.every(({ steps, epochs }) => steps.length + epochs.length === 0)) {
    return soft(
      "No step has been logged. A run logs every <code>train.log_every</code> steps, and its epochs.",
    );
  }
  const one = runs.length === 1, skipped = one ? runs[0]!.skips.map(({ step }) => step) : [];
  const ends = one ? runs[0]!.epochs.map(({ step }) => step) : [];
  const of = (
    part: string,
    classes: string,
    points: (run: RunView) => Curve["points"],
    dots = false,
  ) =>
    runs.map((run, i): Curve => ({
      name: one ? part : `${nameOf(runs, run)}, ${part}`,
      classes: one ? classes : `${colour(i)} ${/faint|dash/.exec(classes)?.[0] ?? ""}`,
      points: points(run),
      // It must not squeeze the others.
      aside: !one && run.status === "diverged",
      dots,
    }));
  const loss = (run: RunView) => run.steps.map(({ step, loss }) => [step, loss] as const);
  const epochs = (key: "testLoss" | "testAccuracy" | "trainAccuracy") => (run: RunView) =>
    run.epochs.map((epoch) => [epoch.step, epoch[key]] as const);
  const curves = [
    figure(
      "Loss",
      one ? "training (thin: each logged step), test" : "training, and test with dots",
      curvePlot({
        title: "loss by step",
        format: short,
        scale: "spread",
        skipped,
        epochs: ends,
        curves: [
          ...(one ? of("each logged step", "c0 faint", loss) : []),
          ...of("training", "c0", (run) => smooth(loss(run))),
          ...of("test", "c1", epochs("testLoss"), true),
        ],
      }),
    ),
    figure(
      "Accuracy",
      "test; dashed: training, mean of the epoch",
      curvePlot({
        title: "accuracy by step",
        format: shareTick,
        scale: "share",
        curves: [
          ...of("training", "c0 dash", epochs("trainAccuracy")),
          ...of("test", "c1", epochs("testAccuracy"), true),
        ],
      }),
    ),
    figure(
      "Learning rate",
      "",
      curvePlot({
        title: "learning rate by step",
        format: short,
        scale: "zero",
        curves: of(
          "rate",
          "c2",
          (run) => run.steps.map(({ step, learningRate }) => [step, learningRate]),
        ),
      }),
    ),
    ...(runs.some(({ steps }) => steps.some(({ gradientNorm }) => gradientNorm !== undefined))
      ? [figure(
        "Gradient norm",
        "before clipping, smoothed",
        curvePlot({
          title: "gradient norm by step",
          format: short,
          scale: "spread",
          curves: of(
            "norm",
            "c3",
            (run) =>
              smooth(run.steps.map(({ step, gradientNorm }) => [step, gradientNorm ?? null])),
          ),
        }),
      )]
      : []),
  ];
  const key = one
    ? [line("c0", "training"), line("c1", "test")]
    : runs.map((run, i) => line(colour(i), nameHtml(nameOf(runs, run))));
  return `<ul class="key">${key.join("")}</ul>
<div class="pair">${curves.join("\n")}</div>${skippedText(runs)}`;
}

function line(classes: string, text: string): string {
  return `<li><svg viewBox="0 0 30 10" aria-hidden="true"><path class="line ${classes}" d="M0 5H30"/></svg>${text}</li>`;
}

/** Says where steps were skipped. */
function skippedText(runs: readonly RunView[]): string {
  return runs.filter(({ skips }) => skips.length > 0).map((run) => {
    const { skips } = run, [first] = skips;
    return soft(
      `${runs.length > 1 ? `${runName(runs, run)}: ` : ""}${skips.length} step${
        skips.length === 1 ? " was" : "s were"
      } skipped (red dots), the first at step ${first!.step}: a number of layer <code>${
        nameHtml(first!.layer)
      }</code>, ${nameHtml(first!.tensor)}, was not finite.`,
    );
  }).join("");
}
