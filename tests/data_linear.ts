/**
 * A linear baseline: multinomial logistic regression on pixels, trained by SGD with momentum and a
 * rate that falls to zero. Says how much of a data set needs no convolution.
 *
 * @module
 */
import { epochOrder } from "../lib/data/sampler.ts";

/** Images u8 `[n, size]` and their labels. */
export interface Examples {
  images: Uint8Array;
  labels: Uint32Array;
}

/** The best test accuracy over all epochs, so an upper bound of what early stopping would give. */
export function linearAccuracy(
  train: Examples,
  test: Examples,
  options: { classes: number; epochs: number },
): number {
  const { classes, epochs } = options;
  const size = train.images.length / train.labels.length;
  const pixels = standardize(train.images, train.images, size);
  const testPixels = standardize(test.images, train.images, size);
  const weights = new Float32Array(classes * (size + 1)); // the last of a row is the bias
  const velocity = new Float32Array(weights.length);
  const gradient = new Float32Array(weights.length);
  const scores = new Float64Array(classes);
  const batch = 100;
  let best = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const rate = 0.01 * (1 - epoch / epochs);
    epochOrder(train.labels.length, 7, epoch).forEach((image, place) => {
      score(pixels, image, size, weights, scores);
      const top = Math.max(...scores);
      const total = scores.reduce((sum, value) => sum + Math.exp(value - top), 0);
      for (let k = 0, at = 0; k < classes; k++) {
        const error = (Math.exp(scores[k]! - top) / total -
          (k === train.labels[image] ? 1 : 0)) / batch;
        for (let p = image * size; p < (image + 1) * size; p++) {
          gradient[at++]! += error * pixels[p]!;
        }
        gradient[at++]! += error;
      }
      if (place % batch !== batch - 1) return;
      for (let at = 0; at < weights.length; at++) {
        velocity[at] = 0.9 * velocity[at]! + gradient[at]! + 1e-3 * weights[at]!;
        weights[at]! -= rate * velocity[at]!;
      }
      gradient.fill(0);
    });
    let right = 0;
    test.labels.forEach((label, image) => {
      score(testPixels, image, size, weights, scores);
      if (scores.indexOf(Math.max(...scores)) === label) right++;
    });
    best = Math.max(best, right / test.labels.length);
  }
  return best;
}

/** Less the mean of each pixel over `reference`, over the deviation of all pixels together. */
function standardize(images: Uint8Array, reference: Uint8Array, size: number): Float32Array {
  const mean = new Float64Array(size);
  const count = reference.length / size;
  reference.forEach((value, at) => mean[at % size]! += value / count);
  let squares = 0;
  reference.forEach((value, at) => squares += (value - mean[at % size]!) ** 2);
  const std = Math.sqrt(squares / reference.length);
  return Float32Array.from(images, (value, at) => (value - mean[at % size]!) / std);
}

function score(
  pixels: Float32Array,
  image: number,
  size: number,
  weights: Float32Array,
  scores: Float64Array,
): void {
  for (let k = 0, at = 0; k < scores.length; k++) {
    let sum = 0;
    for (let p = image * size; p < (image + 1) * size; p++) sum += weights[at++]! * pixels[p]!;
    scores[k] = sum + weights[at++]!;
  }
}
