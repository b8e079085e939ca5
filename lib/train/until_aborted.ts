/**
 * Ends an evaluation early when the run is interrupted: a large test set on a small device takes minutes.
 *
 * @module
 */

/** An evaluation that ends within this time is not aborted, as it would have to be done again. */
const MIN_EVALUATION_MS = 1000;

/** Thrown where an evaluation's batches end early. */
export class EvaluationAborted extends Error {}

/** Returns whether an evaluation that begins now is to be aborted, to be asked now and then. */
export function abortCheck(signal: AbortSignal | undefined): () => boolean {
  const began = performance.now();
  return () => signal?.aborted === true && performance.now() - began > MIN_EVALUATION_MS;
}

/**
 * Yields batches until the run is interrupted.
 *
 * @throws EvaluationAborted when `signal` is aborted and the evaluation has taken a second
 */
export async function* untilAborted<T>(
  batches: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const aborted = abortCheck(signal);
  for await (const batch of batches) {
    if (aborted()) throw new EvaluationAborted();
    yield batch;
  }
}
