/**
 * Writes `report.html` and `README.md` into the folder of a run.
 *
 * @module
 */
import { basename } from "node:path";
import { writeAtomic } from "../../core/files.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { RunLog, type RunView } from "../run_log.ts";
import { READ_ME_FILE, readMe } from "./read_me.ts";
import { REPORT_FILE } from "../report_file.ts";
import { reportHtml } from "./report.ts";

/**
 * Writes both files of a run that has ended, for the process that has locked the folder. A report that
 * cannot be written is no failure of the run: it becomes a warning.
 *
 * @param path the run's folder
 */
export async function writeReport(path: string, warn?: (text: string) => void): Promise<void> {
  try {
    const { view } = await RunLog.open(path, true);
    await writeAtomic(`${path}/${REPORT_FILE}`, reportHtml([view]));
    await writeReadMe(view);
  } catch (error) {
    warn?.(`${messageOf(error)}. The run has no new report; qtrain report writes it`);
  }
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
    await writeReadMe(view);
  } catch (error) {
    warn?.(messageOf(error));
  }
}

function writeReadMe(view: RunView): Promise<void> {
  return writeAtomic(`${view.path}/${READ_ME_FILE}`, readMe(view));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
