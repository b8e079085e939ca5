/**
 * A file that answers worse than its run: by how much, and what to do about it.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { percent, withThousands } from "../../core/format.ts";
import { shellWord } from "../../core/text.ts";
import { foldedLayers, type TrainedNetwork } from "../../export/fold.ts";
import type { LayerDifference } from "./layer_differences.ts";
import type { ExportCheck } from "./report.ts";

/** How many images fewer a file answers right than its run. */
function lostImages({ images, runAccuracy, fileAccuracy }: ExportCheck): number {
  return Math.round(images * (runAccuracy - fileAccuracy));
}

/** Percentage points of accuracy that a file has less than its run. */
export function dropOf(check: ExportCheck): number {
  // From whole numbers: 100 · (0.66 − 0.65) is more than 1.
  return 100 * lostImages(check) / check.images;
}

/**
 * Percentage points of accuracy that a file may have less than its run unless told: 1, or two standard
 * errors of the difference where the images are too few to tell. Of 20 images, one is 5 points.
 */
export function usualMaxDrop({ images, differing }: ExportCheck): number {
  return Math.max(1, 200 * Math.sqrt(differing) / images);
}

/**
 * The error for a file that was rejected.
 *
 * @param kept where the file is
 * @param worst the layer that differs most
 */
export function rejection(
  kept: string,
  check: ExportCheck,
  worst: LayerDifference | undefined,
  { path, trained, maxDrop, float32 }: {
    /** The run's folder. */
    readonly path: string;
    readonly trained: TrainedNetwork;
    readonly maxDrop: number;
    readonly float32: boolean;
  },
): DataError {
  const { images, runAccuracy, fileAccuracy } = check, points = dropOf(check);
  const where = worst
    ? ` Layer ${worst.name} differs most: its values are off by ${errorText(worst.error)}, its ` +
      `input's by ${errorText(worst.before)}.`
    : "";
  const { arithmetic } = trained.recipe.quantize;
  const remedy = float32
    ? arithmetic === "float32"
      ? ""
      : " The run rounds and clips every tensor, a file in float32 none: leave out --float32."
    : likeTheFile(path, trained);
  return new DataError(
    `${kept}: the file answers ${percent(fileAccuracy, 2)} of ${
      withThousands(images)
    } images right, ` +
      `the run ${percent(runAccuracy, 2)}: ${points.toFixed(2)} points less, more than the ${
        Number(maxDrop.toFixed(2))
      } of ` +
      `--max-drop.${where}${remedy} To take it as it is, give --max-drop ${Math.ceil(points)}`,
  );
}

/** How to train a last part as the file computes. */
function likeTheFile(path: string, trained: TrainedNetwork): string {
  const pattern = foldedLayers(trained);
  if (pattern === "") return "";
  const own = trained.recipe.quantize.layers.length > 0
    ? " (add the entries that the recipe has there)"
    : "";
  const layers = `quantize.layers=[{match: "${pattern}", activations: {estimator: none}}]`;
  return " Where the run rounds and clips between a convolution and its norm, the file does not: to " +
    `train without that, take an epoch at a low rate with ${shellWord(`init=${path}`)} ` +
    `quantize.arithmetic=simulated ${shellWord(layers)}${own}, and export that run.`;
}

function errorText(share: number): string {
  return share > 10 ? "over 1,000%" : percent(share, 2);
}
