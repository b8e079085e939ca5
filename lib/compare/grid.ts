/**
 * The grid of a comparison: every estimator with every value of the varied keys and every seed.
 *
 * @module
 */
import { QtrainError, UsageError } from "../core/errors.ts";
import { describe } from "../recipe/recipe_errors.ts";
import { keysIn } from "../core/json_value.ts";
import type { Recipe } from "../recipe/types.ts";
import { type EstimatorEntry, parseEstimators } from "./estimators.ts";
import { lastPart, parseVary, resolveKeys, type VariedKey } from "./sweep.ts";

/** What is compared when nothing is said. */
export const DEFAULT_ESTIMATORS = "float32,hindsight-minmax,current-minmax";
/** The seed when nothing is said. */
export const DEFAULT_SEEDS = "1";

/** What a person asks to compare, as the command line has it. */
export interface GridOptions {
  /** The list of `--estimators`. */
  readonly estimators?: string | undefined;
  /** The list of `--seeds`. */
  readonly seeds?: string | undefined;
  /** Every `--vary`. */
  readonly vary?: readonly string[] | undefined;
}

/** All runs of an estimator with the same values: a row of the table. */
export interface RowSpec {
  /** The estimator's name, or the label of an entry. */
  readonly label: string;
  /** The value of every varied key. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The row as one path component: the label, then `-key=value` of each. */
  readonly folder: string;
}

/** One run. */
export interface Cell {
  /** Its row's place in {@linkcode Grid.rows}. */
  readonly row: number;
  /** Its seed. */
  readonly seed: number;
  /** What it trains. */
  readonly recipe: Recipe;
  /** Its folder below that of the comparison. */
  readonly folder: string;
}

/** A whole comparison. */
export interface Grid {
  /** The recipe's name. */
  readonly name: string;
  /** In the order in which they were given. */
  readonly labels: readonly string[];
  /** The keys that vary, with their values. */
  readonly varied: readonly VariedKey[];
  /** In the order in which they were given. */
  readonly seeds: readonly number[];
  /** The rows of the table. */
  readonly rows: readonly RowSpec[];
  /**
   * In the order in which they run: all of a seed before the next, and estimators next to each
   * other, so that a machine whose speed drifts is as fast for one as for the other.
   */
  readonly cells: readonly Cell[];
}

/**
 * Builds the grid, and so finds everything that is wrong with it before anything runs.
 *
 * @param resolve the recipe with these overrides, `key=value` each
 * @throws {QtrainError} for what is wrong, naming the option
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
  return { name: base.name, labels: entries.map((e) => e.label), varied, seeds, rows, cells };
}

/** A row as people read it: `hindsight-minmax, lr 0.05`. */
export function rowName({ label, values }: Pick<RowSpec, "label" | "values">): string {
  const keys = Object.keys(values);
  return [label, ...keys.map((key) => `${shortKey(key, keys)} ${values[key]}`)].join(", ");
}

/** The last part of a varied key, or all of it where another one ends in the same. */
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
      // What is not of one place is left to the recipe's own check.
      return meant.length === 1 ? meant[0] + text.slice(text.indexOf("=")) : text;
    }),
  };
}

/** A key that two options set would be a lie in the table. */
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

/** Every choice of one value for each key; the last key changes fastest. */
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
        `expected a folder of its own for each run, got runs/${folder} for two; ` +
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

/** Does `work`; what it finds wrong is said of `place`. */
function withContext<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof QtrainError)) throw error;
    throw new UsageError(error.message.split("\n").map((line) => `${place}: ${line}`).join("\n"));
  }
}
