/**
 * Numbers, tables and progress lines as terminal text: pure functions, without colour and without
 * trailing spaces.
 *
 * @module
 */
import { largest } from "../lib/core/min_max.ts";
import { duration, percent, rate } from "../lib/core/format.ts";
import { oneLine } from "../lib/core/text.ts";
import type { EpochEvent, StepEvent } from "../lib/train/events.ts";

import type { Sparkline } from "./sparkline.ts";

export { bytes, duration, percent, rate, UNKNOWN, withThousands } from "../lib/core/format.ts";

/** Alignment of a column of a {@linkcode table}. */
type Alignment = "left" | "right";

/**
 * Formats a table with a rule under its headers and two spaces between columns. Columns are aligned
 * left by default; rows may be shorter than the headers. Ends without a newline.
 */
export function table(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  alignments: readonly Alignment[] = [],
): string {
  const shown = rows.map((row) => row.map(oneLine));
  const widths = headers.map((header, i) =>
    Math.max(width(header), largest(shown.map((row) => width(row[i] ?? ""))))
  );
  const line = (cells: readonly string[]): string =>
    widths.map((w, i) => pad(cells[i] ?? "", w, alignments[i] ?? "left")).join("  ").trimEnd();
  return [line(headers), widths.map((w) => "─".repeat(w)).join("  "), ...shown.map(line)].join(
    "\n",
  );
}

/** Blocks of the course of the loss: fewer tell nothing. */
const MIN_BLOCKS = 8;

/** Formats settings as two aligned columns between rules. Ends without a newline. */
export function settingsTable(rows: readonly (readonly [string, string])[]): string {
  const names = Math.max(0, ...rows.map(([name]) => width(name)));
  const lines = rows.map(([name, value]) =>
    `${pad(name, names, "left")}  ${oneLine(value)}`.trimEnd()
  );
  const rule = "─".repeat(Math.max(40, ...lines.map(width)));
  return [rule, ...lines, rule].join("\n");
}

/**
 * One line a step: `step   120/780 | loss 0.4321 | acc 84.4% | lr 4.8e-2 | …`. It does not name the
 * epoch, so that `grep epoch` finds the lines of epochs only.
 *
 * @param columns of a terminal: what matters less and does not fit is left out
 * @param course of the loss, which is shown in at least eight blocks where there is room
 */
export function stepLine(
  event: Omit<StepEvent, "type" | "epoch">,
  columns = Infinity,
  course?: Sparkline,
): string {
  const { step, steps, loss, accuracy, learningRate: lr, imagesPerSecond, observations } = event;
  const digits = Math.max(5, String(steps).length);
  const timed = imagesPerSecond > 0; // The first step is not timed.
  const parts: { text: string; readonly rank: number }[] = [
    { text: `step ${String(step).padStart(digits)}/${steps}`, rank: 0 },
    { text: `loss ${loss.toFixed(4)}`, rank: 1 },
    { text: `acc ${percent(accuracy)}`, rank: 3 },
    { text: `lr ${lr.toExponential(1)}`, rank: 6 },
    { text: `${rate(timed ? imagesPerSecond : NaN)} img/s`, rank: 4 },
  ];
  if (event.dataWaitShare > 0.05) {
    parts.push({ text: `waiting for data ${percent(event.dataWaitShare, 0)}`, rank: 5 });
  }
  if (observations.length > 0) {
    const most = event.mostClipped;
    const by = most ? ` (${most.quantizer} ${percent(most.share, 2)})` : "";
    parts.push({ text: `clipped ${percent(event.clipped, 2)}${by}`, rank: 7 });
  }
  // An estimate: fractions of a second would only flicker.
  if (timed) parts.push({ text: `${duration(Math.round(event.secondsLeft))} left`, rank: 2 });
  const line = () => parts.map(({ text }) => text).join(" | ");
  const fit = (room: number, most: number) => {
    while (width(line()) >= room && parts.length > 1) {
      const last = parts.reduce((least, part) => part.rank > least.rank ? part : least);
      if (last.rank <= most) return;
      parts.splice(parts.indexOf(last), 1);
    }
  };
  const blocks = course?.blocks(MIN_BLOCKS) ?? "";
  if (blocks !== "") fit(columns - MIN_BLOCKS - 1, 4);
  fit(columns, 0);
  const room = columns - width(line()) - 2, second = parts[1];
  if (second && blocks !== "" && room >= MIN_BLOCKS) second.text += ` ${course!.blocks(room)}`;
  return line();
}

/** One line an epoch: `epoch 1/5 | train loss 0.6123 | test loss 0.3987 | test acc 85.62% | 38s`. */
export function epochLine(
  event: Pick<
    EpochEvent,
    "epoch" | "epochs" | "trainLoss" | "testLoss" | "testAccuracy" | "seconds"
  >,
): string {
  const { epoch, epochs, trainLoss, testLoss, testAccuracy, seconds } = event;
  return [
    `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`,
    `train loss ${trainLoss.toFixed(4)}`,
    `test loss ${testLoss.toFixed(4)}`,
    `test acc ${percent(testAccuracy, 2)}`,
    duration(seconds),
  ].join(" | ");
}

/** Columns on the screen of text without wide characters. */
function width(text: string): number {
  return [...text].length;
}

function pad(text: string, columns: number, alignment: Alignment): string {
  const space = " ".repeat(Math.max(0, columns - width(text)));
  return alignment === "left" ? text + space : space + text;
}
