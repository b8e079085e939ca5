/**
 * The grid of a comparison: every estimator with every value of the varied keys, for every seed.
 *
 * @module
 */
import { QtrainError, UsageError } from "../core/errors.ts";
import { describe } from "../recipe/recipe_errors.ts";
import { keysIn } from "../core/json_value.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { type EstimatorEntry, parseEstimators } from "./estimators.ts";
import { lastPart, parseVary, resolveKeys, type VariedKey } from "./sweep.ts";

/** The default of `--estimators`. */
export const DEFAULT_ESTIMATORS = "float32,hindsight-minmax,current-minmax";
/** The default of `--seeds`. */
export const DEFAULT_SEEDS = "1";

/** What to compare, as given on the command line. */
export interface GridOptions {
  /** The value of `--estimators`. */
  readonly estimators?: string | undefined;
  /** The value of `--seeds`. */
  readonly seeds?: string | undefined;
  /** The value of each `--vary`. */
  readonly vary?: readonly string[] | undefined;
}

/** The runs of an estimator with the same values, over all seeds: a row of the table. */
export interface RowSpec {
  /** The estimator's name, or the label of an entry. */
  readonly label: string;
  /** The value of every varied key. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Its folder's name: the label, then `-key=value` for each varied key. */
  readonly folder: string;
}

/** One run. */
export interface Cell {
  /** Index in {@linkcode Grid.rows}. */
  readonly row: number;
  readonly seed: number;
  readonly recipe: Recipe;
  /** Its folder, relative to that of the comparison. */
  readonly folder: string;
}

/** A whole comparison. */
export interface Grid {
  /** The recipe's name. */
  readonly name: string;
  /** Labels of the entries of `--estimators`, in order. */
  readonly labels: readonly string[];
  readonly varied: readonly VariedKey[];
  readonly seeds: readonly number[];
  /** The rows of the table. */
  readonly rows: readonly RowSpec[];
  /**
   * The runs in order: all of one seed before the next, and estimators next to each other, so that
   * a machine whose speed drifts treats them alike.
   */
  readonly cells: readonly Cell[];
}

/**
 * Builds the grid. Checks every recipe of it before anything runs.
 *
 * @param resolve gives the recipe with these overrides, each `key=value`
 * @throws {QtrainError} for a wrong value, naming the option
 */
export function buildGrid(
  resolve: (overrides: readonly string[]) => Recipe,
  options: GridOptions,
): Grid {
  const base = resolve([]);
  const keys = keysIn(base);
  const seeds = readSeeds(options.seeds ?? DEFAULT_SEEDS);
  const varied = (options.vary ?? []).map((text) => parseVary(text, keys));
  const entries = parseEstimators(options.estimators ?? DEFAULT_ESTIMATORS).map((entry) =>
    withFullKeys(entry, keys)
  );
  checkKeys(entries, varied);
  for (const override of varied.flatMap((v) => v.overrides)) {
    withContext("--vary", () => resolve([override]));
  }
  for (const { label, overrides } of entries) {
    const { quantize } = withContext("--estimators", () => resolve(overrides));
    if (quantize.arithmetic === "float32" && !setsArithmetic(overrides)) {
      throw new UsageError(
        `--estimators: expected a recipe with quantizers for ${label}, got quantize.arithmetic: ` +
          `float32; add quantize.arithmetic=int8`,
      );
    }
  }
  const rows: (RowSpec & { overrides: readonly string[] })[] = [];
  for (const combination of combinations(varied)) {
    for (const { label, overrides } of entries) {
      rows.push({
        label,
        values: Object.fromEntries(combination.map(({ key, value }) => [key, value])),
        folder: [label, ...combination.map(({ short, value }) => folderPart(short, value))]
          .join("-"),
        overrides: [...overrides, ...combination.map(({ override }) => override)],
      });
    }
  }
  checkFolders(rows);
  const cells = seeds.flatMap((seed) =>
    rows.map(({ folder, overrides }, row): Cell => ({
      row,
      seed,
      recipe: withContext(folder, () => resolve([...overrides, `seed=${seed}`])),
      folder: `runs/${folder}/seed-${seed}`,
    }))
  );
  checkBatches(cells);
  return { name: base.name, labels: entries.map((e) => e.label), varied, seeds, rows, cells };
}

/** Refuses batches that each run would choose for itself. */
function checkBatches(cells: readonly Cell[]): void {
  if (cells.every(({ recipe }) => recipe.train.batch > 0)) return;
  throw new UsageError(
    "train.batch: expected a number in a comparison, got auto, which gives each run a batch of its own; " +
      "set train.batch=64",
  );
}

/** The name of a row: `hindsight-minmax, lr 0.05`. */
export function rowName({ label, values }: Pick<RowSpec, "label" | "values">): string {
  const keys = Object.keys(values);
  return [label, ...keys.map((key) => `${shortKey(key, keys)} ${values[key]}`)].join(", ");
}

/** The last part of a varied key, or the whole key if another one has the same last part. */
export function shortKey(key: string, keys: readonly string[]): string {
  const last = lastPart(key);
  return keys.filter((other) => lastPart(other) === last).length > 1 ? key : last;
}

function readSeeds(list: string): number[] {
  const seeds = list.split(",").map((text) => {
    const seed = /^\s*\d{1,10}\s*$/.test(text) ? Number(text) : NaN;
    if (seed < 2 ** 32) return seed;
    throw new UsageError(
      `--seeds: expected whole numbers from 0 to ${2 ** 32 - 1} between commas, such as 1,2,3, ` +
        `got ${describe(text.trim())}`,
    );
  });
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) < i);
  if (twice === undefined) return seeds;
  throw new UsageError(`--seeds: expected every seed once, got ${twice} twice`);
}

function withFullKeys(
  { label, overrides }: EstimatorEntry,
  keys: readonly string[],
): EstimatorEntry {
  return {
    label,
    overrides: overrides.map((text) => {
      const key = keyOf(text), meant = resolveKeys(key, keys);
      // Unknown and ambiguous keys are reported when the recipe is checked.
      return meant.length === 1 ? meant[0] + text.slice(text.indexOf("=")) : text;
    }),
  };
}

/** Rejects a key that two options set: the table would be wrong. */
function checkKeys(entries: readonly EstimatorEntry[], varied: readonly VariedKey[]): void {
  const set = entries.flatMap(({ label, overrides }) =>
    overrides.map((text) => ({ key: keyOf(text), by: `--estimators ${label}` }))
  );
  varied.forEach(({ key }, i) => {
    const clash = [
      ...set,
      ...varied.slice(0, i).map((v) => ({ key: v.key, by: "an earlier --vary" })),
    ].find((other) => `${key}.`.startsWith(`${other.key}.`) || other.key.startsWith(`${key}.`));
    if (!clash) return;
    throw new UsageError(
      `--vary ${key}: expected a key that nothing else sets, but ${clash.by} sets ${clash.key}`,
    );
  });
  for (const { key, by } of [...varied.map(({ key }) => ({ key, by: "--vary" })), ...set]) {
    if (key !== "seed") continue;
    throw new UsageError(`${by}: expected a key other than seed, which --seeds sets`);
  }
}

interface KeyValue {
  readonly key: string;
  readonly short: string;
  readonly value: unknown;
  readonly override: string;
}

/** All combinations of one value for each key; the last key varies fastest. */
function combinations(varied: readonly VariedKey[]): KeyValue[][] {
  const keys = varied.map(({ key }) => key);
  return varied.reduce<KeyValue[][]>(
    (before, { key, values, overrides }) =>
      before.flatMap((chosen) =>
        values.map((value, i) => [
          ...chosen,
          { key, short: shortKey(key, keys), value, override: overrides[i]! },
        ])
      ),
    [[]],
  );
}

function folderPart(key: string, value: unknown): string {
  return `${key}=${value}`.replace(/[^\p{L}\p{N}._=-]+/gu, "_");
}

function checkFolders(rows: readonly RowSpec[]): void {
  const seen = new Set<string>();
  for (const { folder } of rows) {
    if (seen.has(folder.toLowerCase())) {
      throw new UsageError(
        `expected a separate folder for each run, got runs/${folder} for two; ` +
          `choose another label or other values`,
      );
    }
    seen.add(folder.toLowerCase());
  }
}

function setsArithmetic(overrides: readonly string[]): boolean {
  return overrides.some((text) => ["quantize.arithmetic", "quantize"].includes(keyOf(text)));
}

function keyOf(override: string): string {
  return override.slice(0, override.indexOf("=")).trim();
}

/** Runs `work` and starts the messages of its errors with `context`. */
function withContext<T>(context: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof QtrainError)) throw error;
    throw new UsageError(error.message.split("\n").map((line) => `${context}: ${line}`).join("\n"));
  }
}
