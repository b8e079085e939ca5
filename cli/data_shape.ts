/**
 * The shape of a recipe's images, for commands that run nothing.
 *
 * @module
 */
import { openDataset } from "../lib/data/open.ts";
import { dataOf } from "../lib/data/recipe.ts";
import type { DataShape } from "../lib/program/plan.ts";
import type { DataSpec, Pair, Recipe } from "../lib/recipe/types.ts";

/** What the recipe says of its images, or else the data. */
export async function shapeOf(recipe: Recipe): Promise<DataShape> {
  const { data } = recipe, { classes, size: [h, w] } = data;
  // Images of idx are grey; those of npz may have any number of channels.
  const channels = data.channels || (data.format === "npz" ? 0 : 1);
  if (classes === 0 || h === 0 || channels === 0) {
    return await openDataset(dataOf(recipe), {
      warn: (text) => console.error(text),
    });
  }
  return statedShape(data, [h, w], channels);
}

/** The shape of images that a recipe alone describes. */
export function statedShape(
  data: DataSpec,
  [h, w]: Pair,
  channels: number,
  classes = 0,
): DataShape {
  const each = (list: readonly number[]) =>
    Array.from({ length: channels }, (_, i) => list[i] ?? list[0]!);
  return {
    shape: [h, w, channels],
    classes: data.classes || classes,
    mean: each(data.mean),
    std: each(data.std),
  };
}
