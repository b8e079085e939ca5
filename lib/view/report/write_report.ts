/**
 * Writes `report.html` and `README.md` into the folder of a run.
 *
 * @module
 */
import { basename } from "node:path";
import { readTextIfThere, writeAtomic } from "../../core/files.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { RunLog, type RunView } from "../run_log.ts";
import { READ_ME_FILE, READ_ME_MARK, readMe } from "./read_me.ts";
import { REPORT_FILE } from "../report_file.ts";
import { reportHtml } from "./report.ts";
import { PAGE_MARK } from "../page.ts";

/** Characters within which our own files have their mark. */
const MARK_WITHIN = 2000;

/**
 * Writes both files of a run that has ended, for the process that has locked the folder. A report that
 * cannot be written is no failure of the run: it becomes a warning.
 *
 * @param path the run's folder
 */
export async function writeReport(path: string, warn?: (text: string) => void): Promise<void> {
  try {
    const { view } = await RunLog.open(path, true);
    await writeReadMe(view, warn);
    await writeOwn(`${path}/${REPORT_FILE}`, PAGE_MARK, reportHtml([view]), warn);
  } catch (error) {
    warn?.(`${messageOf(error)}. The run has no new report; qtrain report writes it`);
  }
}

/** Writes a file in place of our own. One that somebody else has put there stays, with a warning. */
async function writeOwn(
  path: string,
  mark: string,
  text: string,
  warn?: (text: string) => void,
): Promise<void> {
  const isFile = await Deno.stat(path).then((info) => info.isFile, () => false);
  const there = isFile ? await readTextIfThere(path) : undefined;
  if (there !== undefined && !there.slice(0, MARK_WITHIN).includes(mark)) {
    warn?.(`${path}: this file is not of qtrain, so it stays as it is; rename it to get the run's`);
    return;
  }
  await writeAtomic(path, text);
}

/** Writes `README.md` of a run that begins or goes on. */
export async function beginReadMe(
  path: string,
  recipe: Recipe,
  warn?: (text: string) => void,
): Promise<void> {
  const { pathScope: _, ...written } = recipe;
  const view: RunView = {
    path,
    name: basename(path),
    status: "running",
    recipeText: "",
    recipe: written,
    summary: undefined,
    steps: [],
    epochs: [],
    skips: [],
    quantizers: new Map(),
    clipped: null,
    evaluation: undefined,
    problems: [],
  };
  try {
    await writeReadMe(view, warn);
  } catch (error) {
    warn?.(messageOf(error));
  }
}

function writeReadMe(view: RunView, warn?: (text: string) => void): Promise<void> {
  return writeOwn(`${view.path}/${READ_ME_FILE}`, READ_ME_MARK, readMe(view), warn);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
