/**
 * Plans a recipe with static ranges and with dynamic ranges.
 *
 * @module
 */
import { ModelError, RecipeError } from "../core/errors.ts";
import { type DataShape, plan } from "../program/plan.ts";
import type { Program } from "../program/program.ts";
import type { RecipeInput } from "../recipe/recipe.ts";
import { resolveRecipe } from "../recipe/load.ts";
import { isMap } from "../core/json_value.ts";
import type { Recipe } from "../recipe/recipe.ts";

/** The estimators to represent static and dynamic ranges. */
const ESTIMATORS = { static: "hindsight-minmax", dynamic: "current-minmax" } as const;

type Ranges = keyof typeof ESTIMATORS;

/** A recipe and its program. */
export interface PlannedRecipe {
  readonly recipe: Recipe;
  readonly program: Program;
}

/** Both programs of a recipe, if they can be planned. */
export interface StaticAndDynamic {
  readonly static?: PlannedRecipe;
  readonly dynamic?: PlannedRecipe;
  /** Why a program is absent. */
  readonly problems: readonly string[];
}

/** Plans a recipe with static and with dynamic ranges. */
export function planStaticAndDynamic(recipe: Recipe, data: DataShape): StaticAndDynamic {
  const planned: { [R in Ranges]?: PlannedRecipe } = {}, problems: string[] = [];
  for (const ranges of ["static", "dynamic"] as const) {
    try {
      const changed = withEstimator(recipe, ESTIMATORS[ranges]);
      planned[ranges] = { recipe: changed, program: plan(changed, data).program };
    } catch (error) {
      // Not all grouped convolutions have kernels, and int8 rejects some settings of simulated.
      if (!(error instanceof ModelError || error instanceof RecipeError)) throw error;
      problems.push(error.message);
    }
  }
  return { ...planned, problems: [...new Set(problems)] };
}

/**
 * Gives the recipe in int8 with one estimator for all activations and gradients, on the device.
 *
 * @throws RecipeError if its settings do not fit int8
 */
export function withEstimator(recipe: Recipe, estimator: string): Recipe {
  const quantize = {
    ...replaceEstimators(recipe.quantize, estimator),
    arithmetic: "int8",
    scheduler: "auto",
  };
  return resolveRecipe({ ...recipe, quantize, telemetry: "basic" } as RecipeInput);
}

/** Replaces all estimators in a map except those of weights. */
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
