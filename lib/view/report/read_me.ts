/**
 * `README.md` of a run's folder: what it is, its result, and what can be done with it.
 *
 * @module
 */
import { percent, UNKNOWN, withThousands } from "../../core/format.ts";
import { oneLine } from "../../core/text.ts";
import type { RunView } from "../run_log.ts";
import { nextCommands, QTRAIN_STANDS } from "./commands.ts";
import { figuresOf, progressOf } from "./figures.ts";
import { REPORT_FILE } from "../report_file.ts";
import { subtitle } from "./report.ts";

/** Name of the file in a run's folder. */
export const READ_ME_FILE = "README.md";

/** The first line of the file: one without it is somebody's own. */
export const READ_ME_MARK = "<!-- Written by qtrain, and written again when the run goes on. -->";

const FILES: readonly (readonly [name: string, holds: string])[] = [
  [REPORT_FILE, "curves, classes, mistakes, ranges and speed as a page; written at the end"],
  ["recipe.yaml", "the recipe with every default"],
  ["summary.json", "the result, written at the end"],
  ["evaluation.json", "the last evaluation, from the first on: confusion matrix, worst mistakes"],
  ["metrics.jsonl", "a line for each logged step and each epoch"],
  ["ranges.jsonl", "for each quantizer: the range in use, the values seen, the clipped share"],
  ["data.json", "the files of the data, where it has any"],
  ["events/", "for TensorBoard, with `tensorboard: true`"],
  ["checkpoints/", "the newest checkpoints and the best, as safetensors files"],
];

/** The text of `README.md`. */
export function readMe(run: RunView): string {
  const { name } = run.recipe ?? {}, title = typeof name === "string" ? name : run.name;
  const files = FILES.map(([name, holds]) => `- \`${name}\`: ${holds}`);
  const commands = nextCommands(run).map(({ does, command }) => `# ${does}\n${command}`);
  return `${READ_ME_MARK}
# ${plain(title)}

A training run of qtrain: ${plain(subtitle(run))}.

${result(run)}

## What to do with it

\`\`\`sh
${commands.map((text) => oneLineEach(text)).join("\n")}
\`\`\`

${QTRAIN_STANDS}

## Files

${files.join("\n")}
`;
}

/** How the run stands, and how good it is. */
function result(run: RunView): string {
  const { status, reason } = run, { step } = progressOf(run), { accuracy, best } = figuresOf(run);
  const figures = accuracy === null
    ? ""
    : ` Test accuracy ${percent(accuracy, 2)}${
      best > accuracy ? `, the best ${percent(best, 2)}` : ""
    }.`;
  switch (status) {
    case "running":
      return "It goes on, or a kill has ended it. This file is written again at its end.";
    case "done":
      return `Done after ${withThousands(step)} steps.${figures || ` Test accuracy ${UNKNOWN}.`}`;
    case "diverged":
      return `Diverged${reason === undefined ? "" : ` at ${plain(reason)}`}.${figures}`;
    default:
      return `${status === "stopped" ? "Stopped by an error" : "Interrupted"} after step ${
        withThousands(step)
      }.${figures}`;
  }
}

/** Text without the signs of Markdown and HTML, on one line. */
function plain(text: string): string {
  return oneLine(text).slice(0, 400).replace(/[\\`*_[\]<>#|&]/g, "\\$&");
}

function oneLineEach(text: string): string {
  return text.split("\n").map(oneLine).join("\n");
}
