/**
 * Whether a run may go on with a recipe.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import { parseRecipe } from "../../recipe/load.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { LoadedCheckpoint } from "../checkpoint/load.ts";
import type { RunFolder } from "./run_folder.ts";

/** What may change when a run goes on: its length, its learning rate and what becomes of steps that are
 * not finite, which is told as it changes the result; */
const TOLD = [
  "train.epochs",
  "train.max_steps",
  "train.optimizer.lr",
  "train.schedule",
  "train.on_nonfinite",
  "train.max_skipped_steps",
];
/** what it tells of itself, when it is saved, and who reads the images, which change no bit. */
const SILENT = [
  "telemetry",
  "data.workers",
  "train.log_every",
  "train.checkpoint_minutes",
  "train.keep_checkpoints",
];

/** How a run goes on, beside its recipe. */
interface GoingOn {
  /** Names of estimators of one's own. */
  readonly estimators?: readonly string[];
  /** Hears of what is not as it was. */
  readonly warn?: (text: string) => void;
}

/**
 * A run goes on with the recipe that it began with, but for what may change.
 *
 * @param found the checkpoint that it goes on from; without one it begins afresh, and `recipe.yaml`
 * says whose folder it is
 * @throws UsageError with what differs
 */
export async function checkResumable(
  folder: RunFolder,
  recipe: Recipe,
  found: LoadedCheckpoint | undefined,
  { estimators = [], warn }: GoingOn,
): Promise<void> {
  const written = await folder.readRecipe();
  const sources = [
    ...(written === undefined ? [] : [[written, `${folder.path}/recipe.yaml`] as const]),
    ...(found ? [[found.recipe, found.path] as const] : []),
  ];
  for (const [text, path] of sources) {
    const differs = differing(parseRecipe(text, path, [], estimators), recipe);
    const is = (list: readonly string[], { path }: Difference) =>
      list.some((key) => `${path}.`.startsWith(`${key}.`));
    const refused = differs.filter((d) => !is(TOLD, d) && !is(SILENT, d));
    if (refused.length > 0) {
      throw new UsageError(
        `${folder.path}: cannot resume: the run began with another recipe (${path}): ` +
          `${refused.map(described).join("; ")}. ` +
          "Resume with the recipe it began with, or choose another --out",
      );
    }
    if (path !== found?.path) continue;
    for (const { path, was, now } of differs.filter((d) => is(TOLD, d))) {
      warn?.(`the run goes on with ${path} ${JSON.stringify(now)}, not ${JSON.stringify(was)}`);
    }
  }
}

interface Difference {
  readonly path: string;
  readonly was: unknown;
  readonly now: unknown;
}

/** What differs between two plain values, as `path was …, is now …`. */
export function differences(a: unknown, b: unknown): string[] {
  return differing(a, b).map(described);
}

function described({ path, was, now }: Difference): string {
  return `${path} was ${JSON.stringify(was)}, is now ${JSON.stringify(now)}`;
}

function differing(was: unknown, now: unknown, path = ""): Difference[] {
  const isMap = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null;
  if (isMap(was) && isMap(now)) {
    const keys = new Set([...Object.keys(was), ...Object.keys(now)]);
    return [...keys].flatMap((k) => differing(was[k], now[k], path ? `${path}.${k}` : k));
  }
  return was === now ? [] : [{ path, was, now }];
}
