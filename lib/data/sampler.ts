/**
 * The order of images in training. Each epoch is a new permutation of the whole split, cut into
 * whole batches; what is left over at its end, fewer images than a batch, is dropped for that
 * epoch and, as the next order differs, falls on other images then. The order depends on nothing
 * but count, seed and epoch, so a resumed run finds its place again from the step number.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { draw, key, PURPOSE, scaleTo } from "./counter_rng.ts";

/**
 * A permutation of 0 … `count` − 1 (Fisher–Yates), the same on every platform.
 *
 * @param count images in the split
 * @param seed the run's seed
 * @param epoch from 0
 */
export function epochOrder(count: number, seed: number, epoch: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const stream = key(PURPOSE.order, seed, epoch);
  for (let last = count - 1; last > 0; last--) {
    const chosen = scaleTo(draw(stream, last), last + 1);
    const held = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = held;
  }
  return order;
}

/**
 * Whole batches in one epoch.
 *
 * @throws {DataError} when the split does not fill one batch
 */
export function stepsPerEpoch(count: number, batch: number): number {
  if (count < batch) {
    throw new DataError(
      `train.batch: expected at most the ${count} training images, found ${batch}: ` +
        `fewer images than one batch; lower train.batch or raise data.train`,
    );
  }
  return Math.floor(count / batch);
}

/** The indices of batch `step` (from 0, within the epoch) of an order: a view, not a copy. */
export function batchAt(
  order: Uint32Array<ArrayBuffer>,
  batch: number,
  step: number,
): Uint32Array<ArrayBuffer> {
  if (step < 0 || (step + 1) * batch > order.length) {
    throw new RangeError(`batch ${step} of ${batch} lies outside an order of ${order.length}`);
  }
  return order.subarray(step * batch, (step + 1) * batch);
}
