/**
 * Parses the list of what to compare: `--estimators float32,hindsight-minmax,label:key=value,key=value`.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { describe } from "../recipe/recipe_errors.ts";
import { nearest } from "../core/did_you_mean.ts";
import { ESTIMATOR_NAMES, FOLDER_NAME } from "../recipe/recipe.ts";

/** One entry of the list. */
export interface EstimatorEntry {
  /** Its name in tables and folders. */
  readonly label: string;
  /** The overrides of the recipe, each `key=value`. */
  readonly overrides: readonly string[];
}

/** The entry without quantizers: the baseline. */
export const FLOAT32 = "float32";

const TENSORS = ["activations", "gradients"] as const;

/**
 * Parses the list. Entries are separated by commas; so are the `key=value` of an entry with a label.
 *
 * @throws {UsageError} for an unknown name, a label that occurs twice, or one that cannot name a folder
 */
export function parseEstimators(list: string): EstimatorEntry[] {
  const entries: { label: string; overrides: string[]; open: boolean }[] = [];
  for (const item of list.split(",").map((text) => text.trim())) {
    const equals = item.indexOf("="), colon = item.indexOf(":");
    if (colon >= 0 && (equals < 0 || colon < equals)) {
      const label = item.slice(0, colon);
      entries.push({ label, overrides: [item.slice(colon + 1)], open: true });
      checkLabel(label);
    } else if (equals >= 0) {
      const entry = entries.at(-1);
      if (!entry?.open) throw estimatorsError(`a name, or label:key=value,…`, describe(item));
      entry.overrides.push(item);
    } else entries.push({ ...named(item), open: false });
  }
  const seen = new Set<string>();
  for (const { label, overrides } of entries) {
    const bad = overrides.find((text) => !/^[^=]+=./.test(text));
    if (bad !== undefined) throw estimatorsError(`key=value after ${label}:`, describe(bad));
    // Some file systems ignore case.
    if (seen.has(label.toLowerCase())) throw estimatorsError("every label once", `${label} twice`);
    seen.add(label.toLowerCase());
  }
  return entries.map(({ label, overrides }) => ({ label, overrides }));
}

function named(name: string): { label: string; overrides: string[] } {
  if (name === FLOAT32) return { label: name, overrides: ["quantize.arithmetic=float32"] };
  if (ESTIMATOR_NAMES.includes(name)) {
    return {
      label: name,
      overrides: TENSORS.map((tensor) => `quantize.${tensor}.estimator=${name}`),
    };
  }
  const words = [FLOAT32, ...ESTIMATOR_NAMES], meant = nearest(name, words);
  throw estimatorsError(
    `one of ${words.join(", ")}, or label:key=value,…`,
    describe(name) + (meant ? ` (did you mean ${meant}?)` : ""),
  );
}

function checkLabel(label: string): void {
  if (!FOLDER_NAME.test(label)) {
    throw estimatorsError(
      "a label that can name a folder, of letters, digits, _, - and . (a letter, digit or _ first)",
      describe(label),
    );
  }
  if (label === FLOAT32 || ESTIMATOR_NAMES.includes(label)) {
    throw estimatorsError(
      "a label of your own before the colon",
      `${label}, which names an estimator`,
    );
  }
}

function estimatorsError(expected: string, got: string): UsageError {
  return new UsageError(`--estimators: expected ${expected}, got ${got}`);
}
