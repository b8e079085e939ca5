/**
 * Numbers, tables and progress lines as terminal text: pure functions, without colour and without
 * trailing spaces.
 *
 * @module
 */
import { largest } from "../lib/core/min_max.ts";
import { percent, UNKNOWN } from "../lib/core/format.ts";
import { oneLine } from "../lib/core/text.ts";
import type { EpochEvent, StepEvent } from "../lib/train/events.ts";

export { bytes, percent, withThousands } from "../lib/core/format.ts";

/** A time: `400ms`, `4.2s`, `38s`, `1m 20s`, `1h 02m`, `2d 3h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return UNKNOWN;
  const ms = Math.round(seconds * 1000);
  if (ms > 0 && ms < 1000) return `${ms}ms`;
  // Rounded first: 59.6 s is 1m 00s, never 60s.
  const tenths = Math.round(seconds * 10) / 10;
  if (tenths < 10) return `${tenths}s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  const minutes = Math.round(s / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(s / 3600);
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** A rate with at least three digits: `412`, `38.6`, `4.26`. */
export function rate(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

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
 */
export function stepLine(event: Omit<StepEvent, "type" | "epoch">): string {
  const { step, steps, loss, accuracy, learningRate: lr, imagesPerSecond, observations } = event;
  const digits = Math.max(5, String(steps).length);
  const timed = imagesPerSecond > 0; // The first step is not timed.
  const parts = [
    `step ${String(step).padStart(digits)}/${steps}`,
    `loss ${loss.toFixed(4)}`,
    `acc ${percent(accuracy)}`,
    `lr ${lr.toExponential(1)}`,
    `${rate(timed ? imagesPerSecond : NaN)} img/s`,
  ];
  if (event.dataWaitShare > 0.05) {
    parts.push(`waiting for data ${percent(event.dataWaitShare, 0)}`);
  }
  if (observations.length > 0) {
    const most = event.mostClipped;
    const by = most ? ` (${most.quantizer} ${percent(most.share, 2)})` : "";
    parts.push(`clipped ${percent(event.clipped, 2)}${by}`);
  }
  // An estimate: fractions of a second would only flicker.
  if (timed) parts.push(`${duration(Math.round(event.secondsLeft))} left`);
  return parts.join(" | ");
}

/** One line an epoch: `epoch 1/5 | train loss 0.6123 | test loss 0.3987 | test acc 85.62% | 38s`. */
export function epochLine(event: Omit<EpochEvent, "type" | "step" | "trainAccuracy">): string {
  const { epoch, epochs, trainLoss, testLoss, testAccuracy, seconds } = event;
  return [
    `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`,
    `train loss ${trainLoss.toFixed(4)}`,
    `test loss ${testLoss.toFixed(4)}`,
    `test acc ${percent(testAccuracy, 2)}`,
    duration(seconds),
  ].join(" | ");
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** Columns on the screen of text without wide characters. */
function width(text: string): number {
  return [...text].length;
}

function pad(text: string, columns: number, alignment: Alignment): string {
  const space = " ".repeat(Math.max(0, columns - width(text)));
  return alignment === "left" ? text + space : space + text;
}
