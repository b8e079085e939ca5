/**
 * From the text of a recipe, or a program's object, to a complete `Recipe`; and back. All that is
 * wrong is reported at once, a line each, with its place. Nothing here looks for data or devices.
 *
 * @module
 */

import { dirname, parse as parsePath, resolve } from "node:path";
import { RecipeError } from "../core/errors.ts";
import { dotted, explain } from "./recipe_errors.ts";
import { type PathField, PathScope } from "./path_scope.ts";
import { applyOverride, type Override, parseOverride } from "./overrides.ts";
import {
  deepFreeze,
  isMap,
  keysIn,
  MAX_DEPTH,
  plainCopy,
  setKey,
  TooDeep,
  valueAt,
} from "../core/json_value.ts";
import type { Path } from "../core/json_value.ts";
import type { Problem } from "./recipe_errors.ts";
import { takesText } from "./json_schema.ts";
import { readText } from "./read_text.ts";
import { checkRecipe, type UnscopedRecipe } from "./recipe.ts";
import type { RecipeInput } from "./recipe.ts";
import type { Recipe } from "./recipe.ts";
import { formatYaml, parseYaml, type Position, type YamlText } from "./yaml.ts";

/** More than this many lines of problems help nobody. */
const MAX_PROBLEMS = 20;

/** Says where in what a person wrote a path is: its name in messages, and its place in the order. */
type Locate = (path: Path, part: "value" | "key") => Position & {
  readonly name: string;
  /** The scalar there, as it is written. */
  readonly source?: string | undefined;
};

/**
 * Reads a recipe from a file.
 *
 * @param path the YAML file; relative paths in it lead from its folder
 * @param overrides `key=value` each, applied in order; text as it stands, or YAML
 * @param more names of estimators of one's own that the recipe may use
 * @throws {RecipeError} where the file or what it says is wrong, all problems at once
 * @throws {UsageError} where an override is not `key=value`
 */
export async function loadRecipe(
  path: string,
  overrides: readonly string[] = [],
  more: readonly string[] = [],
): Promise<Recipe> {
  return parseRecipe(await readText(path), path, overrides, more);
}

/**
 * Reads a recipe from a text. Its own paths may lead to the folder of `file` and to `QTRAIN_DATA`
 * alone, those of overrides anywhere: whoever opens them checks that.
 *
 * @param file what the text is called in messages; gives the name and the folder of relative paths
 * @param overrides `key=value` each, applied in order; text as it stands, or YAML
 * @param more names of estimators of one's own that the recipe may use
 * @throws {RecipeError} where what the text says is wrong, all problems at once
 * @throws {UsageError} where an override is not `key=value`
 */
export function parseRecipe(
  text: string,
  file: string,
  overrides: readonly string[] = [],
  more: readonly string[] = [],
): Recipe {
  const set = overrides.map(parseOverride);
  const yaml = parseYaml(text, takesText);
  if ("problem" in yaml) {
    throw new RecipeError(`${file}:${yaml.line}:${yaml.col}: ${yaml.problem}`);
  }
  const locate: Locate = (path, part) => {
    const override = overridden(set, path, yaml);
    if (override) {
      const source = override.source?.(path.slice(override.path.length));
      return { name: override.text, line: Infinity, col: 0, source };
    }
    const { line, col } = position(yaml, path, part);
    return { name: `${file}:${line}:${col}`, line, col, source: yaml.source(path) };
  };
  const value = withoutExtensions(yaml.value), name = folderName(parsePath(file).name);
  const recipe = complete(value, set, locate, name, more);
  const fields: PathField[] = ["data.root", "init"];
  const given = fields.filter((field) =>
    set.some((override) => starts(field.split("."), override.path))
  );
  return scoped(recipe, PathScope.within(resolve(dirname(file)), given));
}

/** Without top-level keys such as `x-defaults`, where anchors are kept that a recipe shares. */
function withoutExtensions(value: unknown): unknown {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("x-")));
}

function scoped(recipe: UnscopedRecipe, pathScope: PathScope): Recipe {
  return Object.freeze({ ...recipe, pathScope });
}

/**
 * Completes the recipe that a program gives as an object. Without a `pathScope`, its paths must lie in
 * `directory` or in `QTRAIN_DATA`, as those of a recipe file there.
 *
 * @param input the recipe; a complete one comes back equal
 * @param directory what relative paths are relative to, where no scope says it
 * @param more names of estimators of one's own that the recipe may use
 * @throws {RecipeError} where something is wrong, all problems at once
 */
export function resolveRecipe(
  input: RecipeInput,
  directory = ".",
  more: readonly string[] = [],
): Recipe {
  const locate = () => ({ name: "recipe", line: 0, col: 0 });
  const { pathScope = PathScope.within(resolve(directory)), ...written } = input ?? {};
  if (!(pathScope instanceof PathScope)) {
    throw new RecipeError(
      "recipe: pathScope: expected a PathScope, such as UNRESTRICTED, got another value",
    );
  }
  const value = isMap(input) ? written : input;
  return scoped(complete(value, [], locate, "run", more), pathScope.from(directory));
}

/** Writes a recipe as YAML, every default included; reading that gives the same recipe. */
export function formatRecipe(recipe: Recipe): string {
  const { pathScope: _, ...written } = recipe;
  return formatYaml(written);
}

function complete(
  value: unknown,
  overrides: readonly Override[],
  locate: Locate,
  name: string,
  more: readonly string[],
): UnscopedRecipe {
  try {
    let root = plainCopy(value);
    if (root === null && overrides.length > 0) root = {};
    if (isMap(root)) {
      for (const override of overrides) applyOverride(root, override);
      root = textsAsWritten(plainCopy(root), [], locate);
    }
    const named = isMap(root) && !Object.hasOwn(root, "name") ? { name, ...root } : root;
    const result = checkRecipe(named, more);
    if ("problems" in result) throw new RecipeError(report(result.problems, root, locate));
    return deepFreeze(result.recipe);
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    const { path } = error;
    throw new RecipeError(
      `${locate(path, "key").name}: ${
        dotted(path)
      }: expected at most ${MAX_DEPTH} levels, got more`,
    );
  }
}

function report(
  problems: readonly Problem[],
  root: unknown,
  locate: Locate,
): string {
  const keys = knownKeys();
  const lines = problems.map((problem) => {
    const part = problem.unknownKey || valueAt(root, problem.path) === undefined ? "key" : "value";
    const place = locate(problem.path, part);
    return {
      ...place,
      text: explain(problem, root, keys) + nullRemedy(problem.path, place.source),
    };
  }).sort((a, b) => a.line === b.line ? a.col - b.col : a.line - b.line)
    .slice(0, MAX_PROBLEMS).map(({ name, text }) => `${name}: ${text}`);
  if (problems.length > MAX_PROBLEMS) {
    lines.push(`… and ${problems.length - MAX_PROBLEMS} more`);
  }
  return lines.join("\n");
}

/** What to do about nothing where a text is expected: YAML reads `~` and `null` as nothing too. */
function nullRemedy(path: Path, source: string | undefined): string {
  if (!/^(?:~|null|)$/i.test(source ?? "x") || !takesText(path)) return "";
  const key = path.at(-1);
  return source === ""
    ? `; write it after ${key}: or leave ${key} out`
    : `; if that is its name, write ${key}: "${source}"`;
}

/** Puts what was written in place of numbers, true and false where a text is expected: `2021`, `007`. */
function textsAsWritten(
  value: unknown,
  path: Path,
  locate: Locate,
  text: boolean = takesText(path),
): unknown {
  if (typeof value === "number" || typeof value === "boolean") {
    return text ? locate(path, "value").source ?? value : value;
  }
  if (Array.isArray(value)) {
    const texts = takesText([...path, 0]);
    value.forEach((item, i) => value[i] = textsAsWritten(item, [...path, i], locate, texts));
  } else if (isMap(value)) {
    for (const [key, item] of Object.entries(value)) {
      setKey(value, key, textsAsWritten(item, [...path, key], locate));
    }
  }
  return value;
}

/** Where `path` is in the text; the nearest map above it, where the text lacks it. */
function position(yaml: YamlText, path: Path, part: "value" | "key"): Position {
  for (let length = path.length; length > 0; length--) {
    const found = yaml.position(path.slice(0, length), length < path.length ? "key" : part);
    if (found) return found;
  }
  return yaml.position([], "value") ?? { line: 1, col: 1 };
}

/** Whether `short` is the beginning of `long`. */
function starts(long: Path, short: Path): boolean {
  return short.every((step, i) => String(step) === String(long[i]));
}

/** The override that is to blame for what is at `path`: it set that, or a map around or below. */
function overridden(
  overrides: readonly Override[],
  path: Path,
  yaml: YamlText,
): Override | undefined {
  const setIt = overrides.findLast((override) => starts(path, override.path));
  if (setIt || path.length === 0) return setIt;
  for (let length = path.length; length > 0; length--) {
    const part = path.slice(0, length);
    if (yaml.position(part, "value")) return undefined;
    const madeIt = overrides.findLast((override) => starts(override.path, part));
    if (madeIt) return madeIt;
  }
  return undefined;
}

/** A file's name without what a folder's name may not hold. */
function folderName(name: string): string {
  const kept = [...name.replace(/[^\p{L}\p{N}._-]+/gu, "-")].slice(0, 60).join("");
  return kept.replace(/^[.-]+|[.]+$/g, "") || "run";
}

/** Every key that any recipe has, as dotted paths, for the advice on a misplaced one. */
function knownKeys(): string[] {
  const result = checkRecipe({ data: { format: "glyphs" }, model: { name: "cnn" } });
  return "recipe" in result ? keysIn(result.recipe) : [];
}
