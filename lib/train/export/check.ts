/**
 * Measures an exported file against the run that it comes from, image by image.
 *
 * @module
 */
import { largest } from "../../core/min_max.ts";
import type { Batch } from "../../data/batch.ts";
import type { Interpreter } from "../../export/model_file.ts";
import type { Network } from "../network/network.ts";
import { probabilitiesOf } from "../probabilities.ts";
import type { ExportCheck } from "./report.ts";

/**
 * Runs images through both.
 *
 * @param file the network as it was read from the file
 * @param network the run's network
 * @param batches test images with labels
 * @param report called with the number of images that are done
 */
export async function checkFile(
  file: Interpreter,
  network: Network,
  batches: AsyncIterable<Batch>,
  report: (done: number) => void,
): Promise<ExportCheck> {
  const { classes } = file;
  let images = 0, runCorrect = 0, fileCorrect = 0, differing = 0, maxDifference = 0;
  for await (const batch of batches) {
    report(images);
    const scores = await network.logits(batch);
    const answers = file.run(pixelsOf(batch, file), batch.samples);
    for (const [n, logits] of scores.entries()) {
      const own = probabilitiesOf(logits), its = answers.subarray(n * classes, (n + 1) * classes);
      const label = batch.labels[n]!, ownBest = likeliest(own), itsBest = likeliest(its);
      if (ownBest === label) runCorrect++;
      if (itsBest === label) fileCorrect++;
      if (ownBest !== itsBest) differing++;
      for (const [k, p] of its.entries()) {
        maxDifference = Math.max(maxDifference, Math.abs(p - own[k]!));
      }
    }
    images += batch.samples;
  }
  return {
    images,
    runAccuracy: runCorrect / images,
    fileAccuracy: fileCorrect / images,
    differing,
    maxDifference,
  };
}

/**
 * The smallest and largest score that a network gives to images: training has no range for scores, and
 * a format may want one.
 */
export async function rangeOfScores(
  network: Interpreter,
  name: string,
  batches: AsyncIterable<Batch>,
): Promise<{ readonly low: number; readonly high: number }> {
  let low = 0, high = 0;
  for await (const batch of batches) {
    network.run(pixelsOf(batch, network), batch.samples, (tensor) => {
      if (tensor.name !== name) return;
      low = tensor.values.reduce((least, v) => Math.min(least, v), low);
      high = Math.max(high, largest(tensor.values));
    });
  }
  return { low, high };
}

/** The pixels of a batch's images, without the padding of the batch. */
export function pixelsOf(
  { images, samples }: Batch,
  { shape: [h, w, c] }: Interpreter,
): Uint8Array {
  return images.subarray(0, samples * h * w * c);
}

/** The label of the likeliest class, of equals the lowest. */
function likeliest(probabilities: Float32Array | Float64Array): number {
  return probabilities.indexOf(largest(probabilities));
}
