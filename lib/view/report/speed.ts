/**
 * The section of a report about time and memory.
 *
 * @module
 */
import { bytes, duration, percent, rate } from "../../core/format.ts";
import type { Section } from "../page.ts";
import { type Curve, curvePlot, shareTick, short } from "../plot/curve_plot.ts";
import type { RunView } from "../run_log.ts";
import { colour } from "../style.ts";
import { type Cell, figure, figureOf, nameOf, runName, soft, table } from "./html.ts";

/** Images a second, waiting for data, and memory against float32. */
export function speedSection(runs: readonly RunView[]): Section {
  const html = curves(runs) + figures(runs) + waiting(runs);
  return { id: "speed", title: "Speed and memory", html };
}

function curves(runs: readonly RunView[]): string {
  const one = runs.length === 1;
  const of = (key: "imagesPerSecond" | "dataWaitShare", classes: string) =>
    runs.map((run, i): Curve => ({
      name: one ? "" : nameOf(runs, run),
      classes: one ? classes : colour(i),
      points: run.steps.map((step) => [step.step, step[key]]),
    }));
  const plots = [
    figure(
      "Training images a second",
      "mean since the run began or was resumed",
      curvePlot({
        title: "images a second",
        format: short,
        scale: "zero",
        curves: of("imagesPerSecond", "c2"),
      }),
    ),
    figure(
      "Waiting for images",
      "share of the time of training steps",
      curvePlot({
        title: "waiting",
        format: shareTick,
        scale: "zero",
        curves: of("dataWaitShare", "c3"),
      }),
    ),
  ].join("");
  return plots === "" ? soft("No step has been logged.") : `<div class="pair">${plots}</div>`;
}

function figures(runs: readonly RunView[]): string {
  const number = (value: number | null, format: (value: number) => string): Cell => ({
    html: format(value ?? NaN),
    value,
  });
  const known = runs.filter(({ summary }) => summary);
  if (known.length === 0) return soft("Figures of the whole run come with its end.");
  return table({
    caption: "Time and memory of the whole run; memory as planned, of all buffers of the device",
    columns: [
      { text: "run" },
      ...["time", "images a second", "waiting", "memory", "in float32", "saved"]
        .map((text) => ({ text, right: true })),
    ],
    rows: known.map((run) => {
      const planned = figureOf(run, "planned_memory_bytes"),
        float32 = figureOf(run, "float32_memory_bytes");
      const memory = planned ?? figureOf(run, "peak_memory_bytes");
      const saved = planned !== null && float32 !== null && float32 > 0
        ? 1 - planned / float32
        : null;
      return [
        runName(runs, run),
        number(figureOf(run, "seconds"), duration),
        number(figureOf(run, "images_per_second"), rate),
        number(figureOf(run, "data_wait_share"), percent),
        number(memory, bytes),
        number(float32, bytes),
        number(saved, percent),
      ];
    }),
  });
}

/** What to do where images come too late. */
function waiting(runs: readonly RunView[]): string {
  const slow = runs.some((run) => (figureOf(run, "data_wait_share") ?? 0) > 0.1);
  return slow
    ? soft(
      "The device waits for images. More workers may help (<code>data.workers</code>), or smaller files.",
    )
    : "";
}
