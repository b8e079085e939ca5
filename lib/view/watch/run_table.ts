/**
 * The runs of a folder as a table, each with a link to its page.
 *
 * @module
 */
import { duration, lossText, percent, UNKNOWN, withThousands } from "../../core/format.ts";
import type { ListedRun, RunList } from "../run_list.ts";
import { escape } from "../escape.ts";

const HEADINGS = [
  "Run",
  "Status",
  "Test accuracy",
  "Best",
  "Loss",
  "Epoch",
  "Step",
  "Time",
  "Changed",
];

/** The table as HTML; the run that changed last comes first. */
export function runTable({ runs, cut }: RunList): string {
  if (runs.length === 0) return "<p>There is no run in this folder yet.</p>";
  const head = HEADINGS.map((text, i) =>
    `<th scope="col"${i < 2 ? "" : ' class="right"'}><button type="button">${text}</button></th>`
  );
  return `<div class="scroll"><table><caption>${
    runs.length === 1 ? "1 run" : `${withThousands(runs.length)} runs`
  }, the one that changed last first</caption>
<thead><tr>${head.join("")}</tr></thead>
<tbody>${runs.toReversed().map(row).join("\n")}</tbody></table></div>${
    cut ? "\n<p>There may be more runs: watch a folder below this one to see them.</p>" : ""
  }`;
}

function row(run: ListedRun): string {
  const { accuracy, bestAccuracy, loss, step, epoch, seconds, changed } = run;
  const figures: readonly (readonly [value: number | null, text: string])[] = [
    [accuracy, percent(accuracy ?? NaN, 2)],
    [bestAccuracy, percent(bestAccuracy ?? NaN, 2)],
    [loss, loss === null ? UNKNOWN : lossText(loss)],
    [epoch, epoch === null ? UNKNOWN : withThousands(epoch)],
    [step, step === null ? UNKNOWN : withThousands(step)],
    [seconds, duration(seconds ?? NaN)],
    [changed, changed === 0 ? UNKNOWN : timeOf(changed)],
  ];
  const problem = run.problem === undefined
    ? ""
    : ` <small class="warn">${escape(run.problem)}</small>`;
  return `<tr><th scope="row"><a href="${escape(addressOf(run.name))}">${
    escape(run.name)
  }</a>${problem}</th><td><span class="status ${run.status}">${run.status}</span></td>${
    figures.map(([value, text]) => `<td class="right" data-value="${value ?? -1}">${text}</td>`)
      .join("")
  }</tr>`;
}

/** `2026-11-28 20:41`, in the time zone of this machine. */
function timeOf(milliseconds: number): string {
  const offset = new Date(milliseconds).getTimezoneOffset() * 60_000;
  return new Date(milliseconds - offset).toISOString().slice(0, 16).replace("T", " ");
}

/** The address of a run's page, by its name. */
function addressOf(name: string): string {
  return `/run/${name.split("/").map(encodeURIComponent).join("/")}`;
}

/** The name of the run whose page has an address; `undefined` if it is no such address. */
export function nameAt(pathname: string): string | undefined {
  if (!/^\/run\/./.test(pathname)) return undefined;
  try {
    return pathname.slice("/run/".length).split("/").map(decodeURIComponent).join("/");
  } catch {
    return undefined; // A lone %.
  }
}
