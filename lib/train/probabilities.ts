/**
 * From scores to probabilities.
 *
 * @module
 */
import { largest } from "../core/min_max.ts";

/** Softmax of the scores of an image. */
export function probabilitiesOf(logits: Float32Array): Float64Array<ArrayBuffer> {
  const highest = largest(logits);
  const sum = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  return Float64Array.from(logits, (logit) => Math.exp(logit - highest) / sum);
}
