/**
 * Whether a run may go on with a recipe.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { parseRecipe } from "../recipe/load.ts";
import type { Recipe } from "../recipe/types.ts";
import type { RunFolder } from "./run_folder.ts";

/** A resumed run must be of the recipe that it began with, but for its length, what it
 * tells of itself, and who reads the images. */
export async function sameRecipe(
  folder: RunFolder,
  recipe: Recipe,
  estimators: readonly string[] = [],
): Promise<void> {
  const text = await folder.readRecipe();
  if (text === undefined) return;
  const began = parseRecipe(text, `${folder.path}/recipe.yaml`, [], estimators);
  const length = { epochs: 0, max_steps: 0, log_every: 1, on_nonfinite: "stop", most_skips: 10 };
  const rest = (r: Recipe) => ({
    ...r,
    data: { ...r.data, workers: 0 },
    telemetry: "basic",
    train: { ...r.train, ...length },
  });
  const differs = differences(rest(began), rest(recipe), "");
  if (differs.length > 0) {
    throw new UsageError(
      `${folder.path}: cannot resume: the run began with another recipe: ${differs.join("; ")}. ` +
        "Resume with the recipe it began with, or choose another --out",
    );
  }
}

/** What differs between two plain values, as `path was …, is now …`. */
export function differences(a: unknown, b: unknown, path = ""): string[] {
  const isMap = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null;
  if (isMap(a) && isMap(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].flatMap((k) => differences(a[k], b[k], path ? `${path}.${k}` : k));
  }
  if (a === b) return [];
  return [`${path} was ${JSON.stringify(a)}, is now ${JSON.stringify(b)}`];
}
