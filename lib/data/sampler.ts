/**
 * Which images a batch is made of, and in which order.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { withThousands } from "../core/format.ts";
import { draw, key, PURPOSE, scaleTo } from "./counter_rng.ts";

/**
 * The batches of training. Each epoch is a new permutation of the split, cut into whole batches; the
 * images left over at its end, fewer than a batch, are left out of that epoch. The order depends on
 * count, seed and epoch alone, so a resumed run finds its place by the step number.
 */
export class RandomSampler {
  /** Whole batches in one epoch. */
  readonly stepsPerEpoch: number;
  #last: { readonly epoch: number; readonly order: Uint32Array<ArrayBuffer> } | undefined;

  /**
   * @param count images in the split
   * @param batch images of a batch
   * @param seed of the run
   * @throws {DataError} when the split does not fill one batch
   */
  constructor(readonly count: number, readonly batch: number, readonly seed: number) {
    expectBatch(count, batch);
    this.stepsPerEpoch = Math.floor(count / batch);
  }

  /** The epoch of a step; both count from 0. */
  epochOf(step: number): number {
    return Math.floor(step / this.stepsPerEpoch);
  }

  /** The indices of the batch of a step, which counts from 0 over all epochs: a view, not a copy. */
  indices(step: number): Uint32Array<ArrayBuffer> {
    const epoch = this.epochOf(step), first = (step - epoch * this.stepsPerEpoch) * this.batch;
    if (this.#last?.epoch !== epoch) {
      this.#last = { epoch, order: epochOrder(this.count, this.seed, epoch) };
    }
    return this.#last.order.subarray(first, first + this.batch);
  }
}

/**
 * Checks that training images fill a batch.
 *
 * @throws {DataError} when there are fewer
 */
export function expectBatch(count: number, batch: number): void {
  if (count >= batch) return;
  throw new DataError(
    `train.batch: expected at most the ${count} training images, got ${batch}; ` +
      `set train.batch=${count} or lower, or add images`,
  );
}

/**
 * The images that an epoch leaves out because they do not fill a batch, and the batch size from half
 * to all of this one that leaves out fewest; `undefined` if there are none.
 *
 * @param count training images
 * @param batch images of a batch
 * @param micro images of a micro-batch, which divides the batch; 0: the whole batch
 */
export function leftOutOfEpochs(
  count: number,
  batch: number,
  micro = 0,
): { readonly images: number; readonly share: number; readonly text: string } | undefined {
  const images = count % batch;
  if (images === 0) return undefined;
  const unit = Math.max(1, micro);
  let better = batch;
  for (let size = batch - unit; size >= Math.max(unit, batch / 2); size -= unit) {
    if (count % size < count % better) better = size;
  }
  const left = count % better;
  const remedy = better === batch
    ? ""
    : ` (train.batch=${better} ${left === 0 ? "uses all" : `leaves out ${left}`})`;
  const text = `${withThousands(images)} of ${withThousands(count)} training images ` +
    `${
      images === 1 ? "does" : "do"
    } not fill a batch of ${batch}: each epoch leaves out as many, chosen at random${remedy}`;
  return { images, share: images / count, text };
}

/** The batches of an evaluation: all images in their own order; the last batch may have fewer. */
export function* sequentialBatches(
  count: number,
  batch: number,
): Generator<Uint32Array<ArrayBuffer>> {
  for (let first = 0; first < count; first += batch) {
    yield Uint32Array.from({ length: Math.min(batch, count - first) }, (_, i) => first + i);
  }
}

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
    const swapped = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = swapped;
  }
  return order;
}
