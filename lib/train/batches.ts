/**
 * Batches of a split, in an order, on the host.
 *
 * @module
 */
import type { Dataset, Split } from "../data/dataset.ts";
import { batchAt, epochOrder } from "../data/order.ts";
import type { Batch } from "./network.ts";

/** Bytes rounded up so that a buffer may be written: WebGPU wants multiples of 4. */
const padded = (bytes: number) => Math.ceil(bytes / 4) * 4;

/** Milliseconds between two looks at signals and timers. */
const LISTEN_MS = 50;

/** Reads batches of one size. */
export class BatchReader {
  readonly #image: number;
  #listened = performance.now();

  constructor(readonly data: Dataset, readonly batch: number) {
    const [h, w, c] = data.shape;
    this.#image = h * w * c;
  }

  /** Batch `step` of epoch `epoch`: the training images in the epoch's order. */
  async training(order: Uint32Array<ArrayBuffer>, step: number): Promise<Batch> {
    return await this.#read(this.data.train, batchAt(order, this.batch, step));
  }

  /** The order of an epoch. */
  order(seed: number, epoch: number): Uint32Array<ArrayBuffer> {
    return epochOrder(this.data.train.count, seed, epoch);
  }

  /**
   * The test images in their own order; the last batch is filled up with images that do not count.
   *
   * @param batch images of one: as many as a training step takes, or as a micro-batch
   */
  async *testing(batch = this.batch): AsyncGenerator<Batch> {
    const { test } = this.data;
    for (let first = 0; first < test.count; first += batch) {
      const samples = Math.min(batch, test.count - first);
      const indices = Uint32Array.from({ length: samples }, (_, i) => first + i);
      yield await this.#read(test, indices, batch);
    }
  }

  async #read(
    split: Split,
    indices: Uint32Array<ArrayBuffer>,
    batch = this.batch,
  ): Promise<Batch> {
    // On the CPU nothing else lets the event loop turn, and Ctrl-C would never be heard.
    if (performance.now() - this.#listened > LISTEN_MS) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.#listened = performance.now();
    }
    const images = new Uint8Array(padded(batch * this.#image));
    const labels = new Uint32Array(batch);
    const samples = indices.length;
    await split.read(
      indices,
      images.subarray(0, samples * this.#image),
      labels.subarray(0, samples),
    );
    return { images, labels, samples };
  }
}
