/**
 * An evaluation that ends when the run is asked to: a large test set on a small device takes minutes.
 *
 * @module
 */

/** One that would end within this is not cut short, as it would have to be done again. */
const MAX_MS = 1000;

/** Thrown where the batches end early. */
export class EvaluationAborted extends Error {}

/**
 * Batches, as long as nobody asks for an end.
 *
 * @throws CutShort when `signal` is aborted and a second has passed
 */
export async function* untilAborted<T>(
  batches: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const began = performance.now();
  for await (const batch of batches) {
    if (signal?.aborted && performance.now() - began > MAX_MS) throw new EvaluationAborted();
    yield batch;
  }
}
