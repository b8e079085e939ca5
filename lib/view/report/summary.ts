/**
 * The section of a report that says how a run ended, how good it is, and what to do next.
 *
 * @module
 */
import {
  bytes,
  duration,
  lossText,
  percent,
  rate,
  UNKNOWN,
  withThousands,
} from "../../core/format.ts";
import { escape, nameHtml } from "../escape.ts";
import type { Section } from "../page.ts";
import type { RunView } from "../run_log.ts";
import { nextCommands, QTRAIN_STANDS } from "./commands.ts";
import { figuresOf, progressOf } from "./figures.ts";
import { type Cell, figureOf, runName, soft, table, textOf } from "./html.ts";

/** How each run ended, its figures, and what to do next. */
export function summarySection(runs: readonly RunView[]): Section {
  const html = runs.length === 1 ? ofOne(runs[0]!) : ofSeveral(runs);
  return { id: "summary", title: "Summary", html };
}

function ofOne(run: RunView): string {
  const commands = nextCommands(run);
  const lines = commands.map(({ command, does }) => `# ${does}\n${command}`);
  return `<p class="ending">${statusText(run)}</p>
${problems([run])}<ul class="cards">${tiles(run).join("")}</ul>
<h3>What to do next</h3>
<pre tabindex="0">${escape(lines.join("\n"))}</pre>
${soft(escape(QTRAIN_STANDS))}`;
}

/** How a run stands and why, as HTML. */
export function statusText(run: RunView): string {
  const { status, reason } = run, { step, steps } = progressOf(run);
  const of = steps === null ? "" : ` of ${withThousands(steps)}`;
  const after = `after step ${withThousands(step)}${of}`;
  const badge = `<span class="status ${status}">${status}</span> `;
  switch (status) {
    case "done":
      return `${badge}${withThousands(step)} steps${earlyEnd(run)}`;
    case "running":
      return `${badge}step ${withThousands(step)}${of}`;
    case "interrupted":
      return `${badge}${after}: it can be continued`;
    case "stopped":
      return badge +
        (step === 0
          ? "before its first logged step: an error ended it, or it was killed"
          : `${after}: an error ended it, or it was killed; it continues from its last checkpoint`);
    case "diverged":
      return badge + (reason === undefined ? after : `at ${nameHtml(reason, 600)}`);
  }
}

/** Which epochs made `train.patience` end a run, as HTML; nothing where it did not. */
function earlyEnd({ summary }: RunView): string {
  const { epoch, best_epoch: best } = (summary?.stopped_early ?? {}) as Record<string, unknown>;
  if (typeof epoch !== "number" || typeof best !== "number") return "";
  return `, ended early after epoch ${epoch}: no higher test accuracy since epoch ${best} ` +
    "(<code>train.patience</code>)";
}

const share = (value: number | null) => percent(value ?? NaN, 2);
const nats = (value: number | null) => value === null ? UNKNOWN : lossText(value);

function tiles(run: RunView): string[] {
  const f = figuresOf(run), { evaluation } = run;
  const tile = (name: string, value: string, more = "", kind = "") =>
    `<li${kind}><span>${name}</span><b>${value}</b>${
      more === "" ? "" : `<span>${more}</span>`
    }</li>`;
  const best = f.best >= 0 && f.accuracy !== null && f.best > f.accuracy
    ? `best ${share(f.best)}${f.bestStep === null ? "" : ` at step ${withThousands(f.bestStep)}`}`
    : f.best >= 0
    ? "the best of all epochs"
    : "no evaluation yet";
  return [
    tile("Test accuracy", share(f.accuracy), best, ' class="first"'),
    ...(f.top5 === null ? [] : [tile("Top-5 accuracy", share(f.top5))]),
    ...(f.calibrationError === null
      ? []
      : [tile("Calibration error", share(f.calibrationError), "of its probabilities")]),
    tile(
      "Test loss",
      nats(f.testLoss),
      evaluation ? `${withThousands(evaluation.images)} images` : "",
    ),
    tile(
      "Training loss",
      nats(f.trainLoss),
      f.trainAccuracy === null
        ? "no epoch yet"
        : `mean of the last epoch, accuracy ${share(f.trainAccuracy)}`,
    ),
    tile(
      "Time",
      duration(f.seconds ?? NaN),
      `${run.epochs.length} epoch${run.epochs.length === 1 ? "" : "s"}`,
    ),
    tile("Speed", f.speed === null || f.speed === 0 ? UNKNOWN : `${rate(f.speed)} img/s`),
    tile(
      "Memory in use",
      bytes(figureOf(run, "peak_memory_bytes") ?? NaN),
      nameHtml(textOf(run, "adapter") ?? ""),
    ),
  ];
}

function ofSeveral(runs: readonly RunView[]): string {
  const number = (value: number | null, html: string): Cell => ({ html, value });
  const rows = runs.map((run): Cell[] => {
    const f = figuresOf(run), memory = figureOf(run, "peak_memory_bytes");
    return [
      runName(runs, run),
      `<span class="status ${run.status}">${run.status}</span>`,
      number(f.accuracy, share(f.accuracy)),
      number(f.best < 0 ? null : f.best, share(f.best < 0 ? null : f.best)),
      number(f.top5, share(f.top5)),
      number(f.calibrationError, share(f.calibrationError)),
      number(f.testLoss, nats(f.testLoss)),
      number(f.trainLoss, nats(f.trainLoss)),
      number(progressOf(run).step, withThousands(progressOf(run).step)),
      number(f.seconds, duration(f.seconds ?? NaN)),
      number(f.speed, rate(f.speed ?? NaN)),
      number(memory, bytes(memory ?? NaN)),
    ];
  });
  const names = [
    "Test accuracy",
    "Best",
    "Top-5",
    "Calibration error",
    "Test loss",
    "Training loss",
  ];
  const figures = [...names, "Steps", "Time", "img/s", "Memory"];
  const why = runs.filter(({ status }) => status !== "done").map((run) =>
    `<li>${runName(runs, run)}: ${statusText(run)}</li>`
  );
  return table({
    caption: `${runs.length} runs`,
    columns: [
      { text: "Run" },
      { text: "Status" },
      ...figures.map((text) => ({ text, right: true })),
    ],
    rows,
    sortable: true,
  }) + (why.length > 0 ? `<ul class="plain">${why.join("")}</ul>` : "") + problems(runs);
}

/** What could not be read of the runs. */
function problems(runs: readonly RunView[]): string {
  const all = runs.flatMap((run) => run.problems);
  return all.slice(0, 20).map((text) => `<p class="note">${nameHtml(text, 600)}</p>\n`).join("");
}
