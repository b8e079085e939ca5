/**
 * Whether a run may be resumed with a recipe.
 *
 * @module
 */
import { DataError, UsageError } from "../../core/errors.ts";
import { changesSinceRecord, readManifest } from "../../data/paths/data_manifest.ts";
import { type ResumeRule, resumeRules } from "../../recipe/json_schema.ts";
import { parseRecipe } from "../../recipe/load.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { LoadedCheckpoint } from "../checkpoint/load.ts";
import { initFiles } from "../checkpoint/weights_file.ts";
import type { RunFolder } from "./run_folder.ts";

/** How a run is resumed. */
interface GoingOn {
  /** Names of estimators of one's own. */
  readonly estimators?: readonly string[];
  /** Called with each change that is allowed and changes the result. */
  readonly warn?: (text: string) => void;
}

/**
 * Checks that a run is resumed with the recipe it began with, but for fields that may change. Where its
 * files are does not matter: their contents are compared when they are read.
 *
 * @param found the checkpoint to resume from; without one the run begins afresh, and `recipe.yaml` says
 * whose folder it is
 * @returns the recipe with the paths that the run began with, and its batch in place of `auto`
 * @throws UsageError with what differs
 */
export async function checkResumable(
  folder: RunFolder,
  given: Recipe,
  found: LoadedCheckpoint | undefined,
  { estimators = [], warn }: GoingOn,
): Promise<Recipe> {
  const written = await folder.readRecipe();
  const sources = [
    ...(written === undefined ? [] : [[written, `${folder.path}/recipe.yaml`] as const]),
    ...(found ? [[found.recipe, found.path] as const] : []),
  ];
  let began = given;
  for (const [text, path] of sources) {
    const before = parseRecipe(text, path, [], estimators),
      batch = given.train.batch || before.train.batch;
    const recipe = { ...given, train: { ...given.train, batch } };
    const differs = differing(before, recipe);
    began = { ...recipe, init: before.init, data: { ...recipe.data, root: before.data.root } };
    const moved = recipe.init !== before.init && await isRecordedInit(folder.path, recipe);
    const refused = differs.filter(({ path }) =>
      ruleOf(path) === undefined && !(moved && path === "init")
    );
    if (refused.length > 0) {
      throw new UsageError(
        `${folder.path}: cannot resume: the run began with another recipe (${path}): ` +
          `${refused.map(described).join("; ")}. ` +
          "Resume with the recipe it began with, or choose another --out",
      );
    }
    if (path !== found?.path) continue;
    for (const { path, was, now } of differs) {
      if (ruleOf(path) !== "reported") continue;
      warn?.(`resuming with ${path}=${JSON.stringify(now)} (was ${JSON.stringify(was)})`);
    }
  }
  return began;
}

/** Whether the recipe's `init` is what the run began with, although its path is another. */
async function isRecordedInit(folder: string, recipe: Recipe): Promise<boolean> {
  const record = (await readManifest(folder)).init;
  if (!record || recipe.init === "") return false;
  try {
    const { different } = await changesSinceRecord(record, await initFiles(recipe));
    return different.length === 0;
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}

/** Whether a field may change when a run goes on; `undefined` if it may not. */
function ruleOf(path: string): ResumeRule | undefined {
  for (const [key, rule] of resumeRules()) if (`${path}.`.startsWith(`${key}.`)) return rule;
  return undefined;
}

/** A field that differs between two recipes. */
interface Difference {
  readonly path: string;
  readonly was: unknown;
  readonly now: unknown;
}

/** The fields that change results and differ between two recipes, as `path was …, is now …`. */
export function differences(a: Recipe, b: Recipe): string[] {
  return differing(a, b).filter(({ path }) => ruleOf(path) !== "silent").map(described);
}

function described({ path, was, now }: Difference): string {
  return `${path} was ${JSON.stringify(was)}, is now ${JSON.stringify(now)}`;
}

/** The fields that differ between two recipes, in their order. */
export function differing(was: unknown, now: unknown, path = ""): Difference[] {
  const isMap = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null;
  if (isMap(was) && isMap(now)) {
    const keys = new Set([...Object.keys(was), ...Object.keys(now)]);
    return [...keys].flatMap((k) => differing(was[k], now[k], path ? `${path}.${k}` : k));
  }
  return was === now ? [] : [{ path, was, now }];
}
