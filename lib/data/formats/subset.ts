/**
 * Steps that all readers of files share.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { LabelledImages } from "../dataset.ts";

/** The largest of all labels. */
export function highestLabel(...lists: LabelledImages["labels"][]): number {
  let highest = 0;
  for (const list of lists) for (const label of list) if (label > highest) highest = label;
  return highest;
}

/**
 * The first `count` images, copied so that the rest can be freed; 0 takes all.
 *
 * @param field the field of the recipe that `count` comes from
 * @param path the file of the images
 * @throws {DataError} when there are fewer
 */
export function takeFirst(
  { images, labels }: LabelledImages,
  count: number,
  field: string,
  path: string,
): LabelledImages {
  if (count > labels.length) throw notEnoughImages(labels.length, count, field, path);
  if (count === 0 || count === labels.length) return { images, labels };
  const size = images.length / labels.length;
  return { images: images.slice(0, count * size), labels: labels.slice(0, count) };
}

/** The error for a recipe that asks for more images than `path` has. */
export function notEnoughImages(
  there: number,
  count: number,
  field: string,
  path: string,
): DataError {
  return new DataError(
    `${field}: expected at most ${there}, the images in ${path}, ` +
      `got ${count}; lower it, or 0 takes all`,
  );
}
