/**
 * What a recipe would need in float32, to compare with.
 *
 * @module
 */
import type { Recipe } from "../recipe/recipe.ts";
import { peakMemory } from "./memory/peak.ts";
import { type DataShape, plan, type PlanOptions } from "./plan.ts";

/** Planned bytes of all buffers that the same recipe needs in float32. */
export function float32Memory(
  recipe: Recipe,
  data: DataShape,
  { estimators }: Pick<PlanOptions, "estimators"> = {},
): number {
  const quantize = { ...recipe.quantize, arithmetic: "float32" } as const;
  return peakMemory(plan({ ...recipe, quantize, memory: 0 }, data, { estimators }).program).total;
}
