/**
 * Parses the keys that a comparison varies: `--vary train.lr=0.1,0.05`.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { describe } from "../recipe/recipe_errors.ts";
import { nearest } from "../core/did_you_mean.ts";
import { parseOverride } from "../recipe/overrides.ts";

/** A key with its values. */
export interface VariedKey {
  /** The full dotted path. */
  readonly key: string;
  /** The values, parsed as YAML. */
  readonly values: readonly unknown[];
  /** `key=value` for each value. */
  readonly overrides: readonly string[];
}

/**
 * Parses the value of a `--vary`.
 *
 * @param text `key=value,value`
 * @param keys every key of the recipe, as dotted paths
 * @throws {UsageError} for other text, and for a key that the recipe does not have
 */
export function parseVary(text: string, keys: readonly string[]): VariedKey {
  const equals = text.indexOf("=");
  const typed = text.slice(0, Math.max(equals, 0)).trim();
  const list = text.slice(equals + 1).split(",").map((value) => value.trim());
  if (equals < 0 || typed === "" || list.includes("")) {
    throw new UsageError(
      `--vary: expected key=value,value such as train.lr=0.1,0.05, got ${describe(text)}`,
    );
  }
  const key = oneKey(typed, keys);
  const overrides = list.map((value) => `${key}=${value}`);
  const values = overrides.map((override) => parseOverride(override).value);
  const twice = values.find((value, i) => values.findIndex((v) => same(v, value)) < i);
  if (twice !== undefined) {
    throw new UsageError(`--vary ${typed}: expected every value once, got ${twice} twice`);
  }
  return { key, values, overrides };
}

/**
 * Resolves a short key: the key itself, or all keys with the same beginning and the same last part
 * (`train.optimizer.lr` for `train.lr`).
 */
export function resolveKeys(typed: string, keys: readonly string[]): readonly string[] {
  if (keys.includes(typed)) return [typed];
  const last = lastPart(typed), prefix = typed.slice(0, typed.length - last.length);
  return keys.filter((key) => key.startsWith(prefix) && lastPart(key) === last);
}

function oneKey(typed: string, keys: readonly string[]): string {
  const meant = resolveKeys(typed, keys);
  if (meant.length === 1) return meant[0]!;
  if (meant.length > 1) {
    throw new UsageError(
      `--vary ${typed}: expected a key that is unique, got one that fits ${meant.length}: ` +
        meant.join(", "),
    );
  }
  const last = lastPart(typed), prefix = typed.slice(0, typed.length - last.length);
  const below = keys.filter((key) => key.startsWith(prefix));
  const word = nearest(last, below.map(lastPart));
  const near = below.find((key) => lastPart(key) === word) ?? nearest(typed, keys) ??
    keys.find((key) => lastPart(key) === last);
  throw new UsageError(
    `--vary ${typed}: unknown key${
      near ? ` (did you mean ${near}?)` : "; expected one of the recipe, such as train.epochs"
    }`,
  );
}

/** The part of a key after its last dot. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
