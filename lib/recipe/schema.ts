/**
 * The shape of a recipe: which keys there are, what each accepts, and every default; a file for each
 * of its parts.
 *
 * @module
 */
import { estimators } from "../quant/estimators/mod.ts";
import { data } from "./data_schema.ts";
import { integer, map, word } from "./fields.ts";
import { memory } from "./byte_size.ts";
import { model } from "./model_schema.ts";
import { type Problem, toProblems } from "./problems.ts";
import { quantize } from "./quantize_schema.ts";
import { train } from "./train.ts";
import type { Recipe } from "./types.ts";
import * as z from "./zod.ts";

/** A folder's name: no separators, nothing hidden, nothing that a shell or Windows dislikes. */
export const FOLDER_NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}._-]{0,58}[\p{L}\p{N}_-])?$/u;

const PATTERN = "the name of a layer, or a pattern such as conv*";
const PATTERNS = "a list of layers' names, or patterns such as conv*";

const namesWith = (more: readonly string[]) => [...Object.keys(estimators), ...more, "none"];

/** Every estimator of qtrain that a recipe may name; `none`: not quantized. */
export const ESTIMATOR_NAMES: readonly string[] = namesWith([]);

const runName = () => {
  const error = "a name for a folder, of letters, digits, _, - and . (a letter, digit or _ first)";
  return z.string(error).regex(FOLDER_NAME, error);
};

const recipeWith = (names: readonly string[]) =>
  map({
    name: runName().default("run"),
    seed: integer(0, 2 ** 32 - 1).default(1),
    data,
    model,
    init: z.string("the path of a safetensors file or of a run's folder").default(""),
    freeze: z.array(z.string(PATTERN).min(1, PATTERN), PATTERNS).default([]),
    quantize: quantize(names).prefault({}),
    train: train.prefault({}),
    memory: memory.default(0),
    telemetry: word("basic", "full").default("basic"),
  }, "a map with at least data and model");

const recipe = recipeWith(ESTIMATOR_NAMES);

/** A complete recipe before it is known where it came from. */
export type UnscopedRecipe = Omit<Recipe, "pathScope">;

/**
 * Fills in the defaults of a plain value, or says what is wrong with it.
 *
 * @param more estimators that a program brought
 */
export function checkRecipe(
  value: unknown,
  more: readonly string[] = [],
): { recipe: UnscopedRecipe } | { problems: Problem[] } {
  const known = more.length === 0 ? recipe : recipeWith(namesWith(more));
  const result = known.safeParse(value);
  return result.success ? { recipe: result.data } : { problems: toProblems(result.error.issues) };
}
