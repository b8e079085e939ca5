/**
 * The shape of a recipe's images, for commands that run nothing.
 *
 * @module
 */
import { openDataset } from "../lib/data/open.ts";
import type { DataShape } from "../lib/program/plan.ts";
import { DATA_FORMATS } from "../lib/recipe/data_formats.ts";
import type { DataSpec } from "../lib/recipe/data.ts";
import type { Pair } from "../lib/recipe/fields.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import { printError } from "./print.ts";

/** The shape that the recipe states; if it leaves something to the data, the data is opened. */
export async function shapeOf(recipe: Recipe): Promise<DataShape> {
  return completeShape(recipe) ??
    await openDataset(recipe, { warn: printError });
}

/** The shape that the recipe states; `undefined` if it leaves something to the data. */
export function completeShape({ data }: Recipe): DataShape | undefined {
  const { classes, size: [h, w] } = data;
  const channels = data.channels || (DATA_FORMATS[data.format].channels ?? 0);
  return classes === 0 || h === 0 || channels === 0
    ? undefined
    : statedShape(data, [h, w], channels);
}

/**
 * The shape of images by the recipe alone.
 *
 * @param classes number of classes if the recipe leaves it to the data
 */
export function statedShape(
  data: DataSpec,
  [h, w]: Pair,
  channels: number,
  classes = 0,
): DataShape {
  const perChannel = (list: readonly number[]) =>
    Array.from({ length: channels }, (_, i) => list[i] ?? list[0]!);
  return {
    shape: [h, w, channels],
    classes: data.classes || classes,
    mean: perChannel(data.mean),
    std: perChannel(data.std),
  };
}
