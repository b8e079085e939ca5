/**
 * `key=value` overrides: a dotted path into a recipe and a value. A field of text takes it as it stands;
 * for any other it is YAML.
 *
 * @module
 */

import { RecipeError, UsageError } from "../core/errors.ts";
import { takesText } from "./json_schema.ts";
import { describe, dotted, oddCharacter } from "./recipe_errors.ts";
import { isMap, setKey } from "../core/json_value.ts";
import type { Path } from "../core/json_value.ts";
import { parseYaml } from "./yaml.ts";

/** One override. */
export interface Override {
  /** As it was written; errors name it. */
  readonly text: string;
  /** The keys between its dots. */
  readonly path: Path;
  /** What it sets there. */
  readonly value: unknown;
  /** A scalar below `path` as it is written; `undefined` where there is none. */
  readonly source?: (below: Path) => string | undefined;
}

/**
 * Reads `train.epochs=1`. Quotes around a whole text are taken off: `data.root="photos #2"` reached us
 * with them, although no shell needs that.
 *
 * @throws {UsageError} where it is not a path, `=` and a value
 * @throws {RecipeError} where the value of a field of lists or maps is not YAML
 */
export function parseOverride(text: string): Override {
  const equals = text.indexOf("=");
  const path = text.slice(0, Math.max(equals, 0)).trim().split(".");
  if (equals < 0 || path.includes("")) {
    throw new UsageError(
      `${text}: expected key=value with a dotted key, such as train.epochs=1, got ${
        describe(text)
      }${oddCharacter(text) ?? ""}`,
    );
  }
  const value = text.slice(equals + 1);
  if (takesText(path)) return { text, path, value: unquoted(value) };
  const yaml = parseYaml(value, (below) => takesText([...path, ...below]));
  if (!("problem" in yaml)) return { text, path, value: yaml.value, source: yaml.source };
  // What was meant for a number or a word is best explained by what the field expects.
  if (!/^\s*[[{]/.test(value)) return { text, path, value };
  throw new RecipeError(`${text}: ${dotted(path)}: ${yaml.problem}`);
}

function unquoted(text: string): string {
  const [, quote, inner = ""] = /^(["'])(.*)\1$/s.exec(text) ?? [];
  if (quote === '"' && /^(?:[^"\\]|\\.)*$/s.test(inner)) return inner.replace(/\\(["\\])/g, "$1");
  if (quote === "'" && /^(?:[^']|'')*$/s.test(inner)) return inner.replaceAll("''", "'");
  return text;
}

/**
 * Sets the value in `root`, which changes. Maps on the way are made where there are none; an item
 * of a list must exist, or be the next one.
 *
 * @throws {RecipeError} where the path leads through something that is neither map nor list
 */
export function applyOverride(root: Record<string, unknown>, override: Override): void {
  const { text, path, value } = override;
  let node: unknown = root;
  path.forEach((step, depth) => {
    const place = `${text}: ${path.slice(0, depth).join(".")}`;
    const last = depth === path.length - 1;
    if (Array.isArray(node)) {
      const index = /^\d{1,6}$/.test(String(step)) ? Number(step) : Infinity;
      if (index > node.length) {
        const most = node.length;
        throw new RecipeError(`${place}: expected an index from 0 to ${most}, got "${step}"`);
      }
      if (last) node[index] = value;
      else node = node[index] ??= {};
    } else if (isMap(node)) {
      const key = String(step);
      const there = Object.hasOwn(node, key) ? node[key] : undefined;
      if (last) setKey(node, key, value);
      else if (there === undefined || there === null) {
        const made = {};
        setKey(node, key, made);
        node = made;
      } else node = there;
    } else {
      throw new RecipeError(`${place}: expected a map to set ${step} in, got ${describe(node)}`);
    }
  });
}
