/**
 * `qtrain report`: writes the report of a run, or of several side by side.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { visible } from "../lib/core/text.ts";
import { reportHtml } from "../lib/view/report/report.ts";
import { REPORT_FILE } from "../lib/view/report_file.ts";
import { RunLog, type RunView } from "../lib/view/run_log.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { print, printError } from "./print.ts";

/** Runs side by side: of more, nobody can tell the curves apart. */
const MAX_RUNS = 24;

const OPTIONS = {
  out: {
    type: "string",
    usage: "--out FILE",
    help: "the file (default: RUN/report.html, of several runs report.html)",
  },
} as const satisfies Options;

/** `qtrain report`. */
export const reportCommand = defineCommand({
  name: "report",
  synopsis: "qtrain report RUN…",
  summary: "Writes the report of a run as a page, or of several runs side by side.",
  details:
    `Each training writes RUN/report.html at its end; this writes it again, also of a run that goes on,
was killed, or was trained by an earlier version. Of several runs, the page shows curves over each other,
figures in columns, and in what their recipes differ. The page is one file of at most 2 MB that loads
nothing. Prints its path.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [first, more] = firstPositional(args, "report", "the folder of a run");
  const paths = [...new Set([first, ...more].map((path) => path.replace(/(?<=.)\/+$/, "")))];
  if (paths.length > MAX_RUNS) {
    throw new UsageError(
      `qtrain report: expected at most ${MAX_RUNS} runs, got ${paths.length}; give those to compare`,
    );
  }
  const runs: RunView[] = [];
  for (const path of paths) {
    await RunFolder.open(path);
    runs.push((await RunLog.open(path)).view);
  }
  for (const problem of runs.flatMap(({ problems }) => problems)) printError(visible(problem));
  const out = args.out ?? (paths.length === 1 ? `${paths[0]}/${REPORT_FILE}` : REPORT_FILE);
  await writeAtomic(out, reportHtml(runs));
  print(out);
  return 0;
}
