/**
 * `mixup`: every image of a batch becomes a weighted mean of itself and the next one, and so does
 * its label (Zhang et al., "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412).
 *
 * @module
 */
import type { AugmentRng } from "./augment_rng.ts";
import type { Augmentation } from "./augmentation.ts";

/** A number of the Gamma distribution of shape `alpha`: Marsaglia & Tsang, TOMS 26 (2000). */
function gamma(alpha: number, rng: AugmentRng): number {
  // Below 1, by way of alpha + 1; 1 − unit is never 0.
  if (alpha < 1) return gamma(alpha + 1, rng) * (1 - rng.unit()) ** (1 / alpha);
  const d = alpha - 1 / 3, c = 1 / Math.sqrt(9 * d);
  while (true) {
    const radius = Math.sqrt(-2 * Math.log(1 - rng.unit()));
    const x = radius * Math.cos(2 * Math.PI * rng.unit()), v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - rng.unit()) < x * x / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A weight of the Beta distribution with both parameters `alpha`, as f32. */
export function drawWeight(alpha: number, rng: AugmentRng): number {
  const one = gamma(alpha, rng), two = gamma(alpha, rng);
  // Both underflow where alpha is tiny: the distribution is then all at 0 and 1.
  return Math.fround(one + two > 0 ? one / (one + two) : Math.round(rng.unit()));
}

/**
 * Mixes each image of a batch with the next one and the last with the first: the order of an epoch is
 * random, so the next one is any. The weight is drawn from each image's own stream.
 */
export const mixup = {
  batch: ({ alpha }) => (images, labels, rngOf) => {
    const n = labels.length, size = images.length / n;
    const others = new Uint32Array(n), weights = new Float32Array(n);
    const first = images.slice(0, size);
    for (let position = 0; position < n; position++) {
      const weight = drawWeight(alpha, rngOf(position)), last = position === n - 1;
      weights[position] = weight;
      others[position] = labels[last ? 0 : position + 1]!;
      const at = position * size, other = last ? first : images.subarray(at + size, at + 2 * size);
      for (let i = 0; i < size; i++) {
        images[at + i] = Math.round(weight * images[at + i]! + (1 - weight) * other[i]!);
      }
    }
    return { others, weights };
  },
} satisfies Augmentation<"mixup">;
