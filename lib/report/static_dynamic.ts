/**
 * The same recipe with ranges that are all static and with ranges that are all dynamic.
 *
 * @module
 */
import { ModelError, RecipeError } from "../core/errors.ts";
import { type DataShape, plan } from "../program/plan.ts";
import type { Program } from "../program/program.ts";
import type { RecipeInput } from "../recipe/recipe_input.ts";
import { resolveRecipe } from "../recipe/load.ts";
import { isMap } from "../core/json_value.ts";
import type { Recipe } from "../recipe/types.ts";

/** The estimators that stand for static and for dynamic ranges. */
const ESTIMATORS = { static: "hindsight-minmax", dynamic: "current-minmax" } as const;

/** Which of the two. */
export type Ranges = keyof typeof ESTIMATORS;

/** A variant that can be run. */
export interface PlannedRecipe {
  readonly recipe: Recipe;
  readonly program: Program;
}

/** The variants of a recipe, as far as they can be planned. */
export interface StaticAndDynamic {
  readonly static?: PlannedRecipe;
  readonly dynamic?: PlannedRecipe;
  /** Why one is missing. */
  readonly problems: readonly string[];
}

/** Plans both variants. */
export function planStaticAndDynamic(recipe: Recipe, data: DataShape): StaticAndDynamic {
  const planned: { [R in Ranges]?: PlannedRecipe } = {}, problems: string[] = [];
  for (const ranges of ["static", "dynamic"] as const) {
    try {
      const changed = withEstimator(recipe, ESTIMATORS[ranges]);
      planned[ranges] = { recipe: changed, program: plan(changed, data).program };
    } catch (error) {
      // Not all groups have kernels; what simulated arithmetic allows, int8 may refuse.
      if (!(error instanceof ModelError || error instanceof RecipeError)) throw error;
      problems.push(error.message);
    }
  }
  return { ...planned, problems: [...new Set(problems)] };
}

/**
 * A recipe in int8 with one estimator for all activations and gradients, which the device runs.
 *
 * @throws RecipeError where its settings do not fit int8
 */
export function withEstimator(recipe: Recipe, estimator: string): Recipe {
  const quantize = {
    ...replaceEstimators(recipe.quantize, estimator),
    arithmetic: "int8",
    scheduler: "auto",
  };
  return resolveRecipe({ ...recipe, quantize, telemetry: "basic" } as RecipeInput);
}

/** A map with every estimator in it replaced but those of weights. */
function replaceEstimators(map: object, estimator: string): Record<string, unknown> {
  const inside = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(inside)
      : isMap(value)
      ? replaceEstimators(value, estimator)
      : value;
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [
      key,
      key === "estimator" ? estimator : key === "weights" ? value : inside(value),
    ]),
  );
}
