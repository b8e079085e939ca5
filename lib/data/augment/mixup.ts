/**
 * `mixup`: every image of a batch becomes a weighted mean of itself and the next one, and so does
 * its label (Zhang et al., "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412).
 *
 * @module
 */
import { Draws } from "./augment_rng.ts";

/** What a recipe says of it. */
export interface MixupSpec {
  /** Both parameters of the Beta distribution of weights, above 0: small ones mix little. */
  readonly alpha: number;
}

/** What the loss needs to know of a mixed batch. */
export interface Mixed {
  /** For each image, the label of the one that was mixed in. */
  readonly others: Uint32Array<ArrayBuffer>;
  /** For each image, what its own label and pixels weigh, 0 to 1; the other's weigh the rest. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** A number of the Gamma distribution of shape `alpha`: Marsaglia & Tsang, TOMS 26 (2000). */
function gamma(alpha: number, draws: Draws): number {
  // Below 1, by way of alpha + 1; 1 − unit is never 0.
  if (alpha < 1) return gamma(alpha + 1, draws) * (1 - draws.unit()) ** (1 / alpha);
  const d = alpha - 1 / 3, c = 1 / Math.sqrt(9 * d);
  while (true) {
    const radius = Math.sqrt(-2 * Math.log(1 - draws.unit()));
    const x = radius * Math.cos(2 * Math.PI * draws.unit()), v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - draws.unit()) < x * x / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A weight of the Beta distribution with both parameters `alpha`, as f32. */
export function drawWeight(alpha: number, draws: Draws): number {
  const one = gamma(alpha, draws), two = gamma(alpha, draws);
  // Both underflow where alpha is tiny: the distribution is then all at 0 and 1.
  return Math.fround(one + two > 0 ? one / (one + two) : Math.round(draws.unit()));
}

/**
 * Mixes the images of a batch in place, each with the next one and the last with the first: the
 * order of an epoch is random, so the next one is anyone. Weights are of each image's own stream.
 *
 * @param images u8, `[labels.length, size]`
 * @param drawsOf the stream of an image of the batch
 */
export function mixup(
  images: Uint8Array,
  labels: Uint32Array,
  { alpha }: MixupSpec,
  drawsOf: (place: number) => Draws,
): Mixed {
  const n = labels.length, size = images.length / n;
  const others = new Uint32Array(n), weights = new Float32Array(n);
  const first = images.slice(0, size);
  for (let place = 0; place < n; place++) {
    const weight = drawWeight(alpha, drawsOf(place)), last = place === n - 1;
    weights[place] = weight;
    others[place] = labels[last ? 0 : place + 1]!;
    const at = place * size, other = last ? first : images.subarray(at + size, at + 2 * size);
    for (let i = 0; i < size; i++) {
      images[at + i] = Math.round(weight * images[at + i]! + (1 - weight) * other[i]!);
    }
  }
  return { others, weights };
}
