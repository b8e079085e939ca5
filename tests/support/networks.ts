/**
 * Small networks for numerical tests: a layer list with what surrounds it, and its program.
 *
 * @module
 */
import { type DataShape, plan, type PlanOptions } from "../../lib/program/plan.ts";
import type { Program } from "../../lib/program/program.ts";
import type { LayerInput } from "../../lib/recipe/layers.ts";
import type { RecipeInput } from "../../lib/recipe/recipe.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import type { Recipe } from "../../lib/recipe/recipe.ts";

/** A network to test with. */
export interface Case {
  /** What it reaches. */
  readonly name: string;
  /** Height, width and channels of an image. */
  readonly image: readonly [number, number, number];
  readonly batch: number;
  readonly classes: number;
  readonly layers: readonly LayerInput[];
  readonly quantize?: NonNullable<RecipeInput["quantize"]>;
  readonly telemetry?: "full";
  readonly freeze?: readonly string[];
  readonly optimizer?: NonNullable<NonNullable<RecipeInput["train"]>["optimizer"]>;
  /** Whether samples have second labels. */
  readonly mixed?: boolean;
  /** A weight for each class. */
  readonly weights?: readonly number[];
  /** More of `train`; `batch` is the case's own. */
  readonly train?: NonNullable<RecipeInput["train"]>;
}

/** The arithmetic that a case is planned in. */
export type Arithmetic = "int8" | "simulated" | "float32";

/** The recipe of a case. */
export function recipeOf(test: Case, arithmetic: Arithmetic): Recipe {
  return resolveRecipe({
    seed: 7,
    data: {
      format: "idx",
      root: "unused",
      classes: test.classes,
      train: 1,
      test: 1,
      class_weights: test.weights ?? "none",
    },
    model: { layers: test.layers },
    quantize: { ...test.quantize, arithmetic },
    train: { ...test.train, batch: test.batch, optimizer: test.optimizer ?? {} },
    telemetry: test.telemetry ?? "basic",
    freeze: test.freeze ?? [],
  });
}

/** What a data set would say of the images of a case. */
export function dataOf({ image, classes }: Case): DataShape {
  const channels = image[2];
  return {
    shape: image,
    classes,
    mean: [0.5, 0.4, 0.3, 0.6].slice(0, channels),
    std: [0.5, 0.3, 0.4, 0.7].slice(0, channels),
  };
}

/** The program of a case. */
export function programOf(
  test: Case,
  arithmetic: Arithmetic,
  options: PlanOptions = {},
): Program {
  const { mixed } = test, more = mixed === undefined ? {} : { mixed };
  return plan(recipeOf(test, arithmetic), dataOf(test), { ...more, ...options }).program;
}
