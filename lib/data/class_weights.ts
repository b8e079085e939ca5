/**
 * Weights of classes in the loss, from the recipe and the labels of the training images.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import type { DataSpec } from "../recipe/data.ts";
import type { Dataset } from "./dataset.ts";

/**
 * Returns a weight for each class. Their mean is 1: the loss is divided by the sum of the weights of a
 * batch, so that only their ratios matter.
 *
 * `balanced`: the reciprocal of the number of training images, as `class_weight="balanced"` of
 * scikit-learn up to a factor. A class without images weighs 0.
 *
 * @throws {DataError} when the recipe lists another number of weights, or 0 for every class with images
 */
export function classWeights(
  spec: DataSpec["class_weights"],
  { name, classes, train }: Pick<Dataset, "name" | "classes" | "train">,
): Float32Array<ArrayBuffer> {
  if (spec === "none") return new Float32Array(classes).fill(1);
  const counts = new Float64Array(classes);
  for (const label of train.labels) counts[label]!++;
  if (spec !== "balanced" && spec.length !== classes) {
    throw new DataError(
      `data.class_weights: expected ${classes} numbers, one for each class of ${name}, got ` +
        `${spec.length}; correct the list`,
    );
  }
  const weights = Float64Array.from(
    counts,
    (count, label) => spec !== "balanced" ? spec[label]! : count > 0 ? 1 / count : 0,
  );
  if (!weights.some((weight, label) => weight > 0 && counts[label]! > 0)) {
    throw new DataError(
      `data.class_weights: expected a number above 0 for a class of ${name} that has training ` +
        `images, got 0 for each of them; correct the list`,
    );
  }
  const mean = weights.reduce((sum, weight) => sum + weight) / classes;
  return Float32Array.from(weights, (weight) => weight / mean);
}
