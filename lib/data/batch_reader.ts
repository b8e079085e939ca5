/**
 * Batches of a split, in an order, on the host.
 *
 * @module
 */
import type { Dataset } from "./dataset.ts";
import { Loader } from "./loader.ts";
import { batchAt, epochOrder } from "./sampler.ts";
import type { Batch } from "./batch.ts";

/** Milliseconds between two looks at signals and timers. */
const LISTEN_MS = 50;

/** Reads batches of one size. */
export class BatchReader {
  #listened = performance.now();

  /** @param loader who reads; by default this thread, without augmentation */
  constructor(
    readonly data: Dataset,
    readonly batch: number,
    readonly loader: Loader = new Loader(data),
  ) {}

  /** Batches that are worth asking for ahead of time. */
  get ahead(): number {
    return this.loader.ahead;
  }

  /** Batch `step` of epoch `epoch`: the training images in the epoch's order, augmented for it. */
  async training(order: Uint32Array<ArrayBuffer>, step: number, epoch = 0): Promise<Batch> {
    await this.#listen();
    const indices = batchAt(order, this.batch, step);
    return await this.loader.read("train", { indices, batch: this.batch, epoch });
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
    const { test } = this.data, asked: Promise<Batch>[] = [];
    for (let first = 0; first < test.count || asked.length > 0; first += batch) {
      if (first < test.count) {
        const samples = Math.min(batch, test.count - first);
        const indices = Uint32Array.from({ length: samples }, (_, i) => first + i);
        const read = this.loader.read("test", { indices, batch });
        read.catch(() => {}); // Until it is waited for below.
        asked.push(read);
      }
      if (asked.length <= this.ahead && first + batch < test.count) continue;
      await this.#listen();
      yield await asked.shift()!;
    }
  }

  /** On the CPU nothing else lets the event loop turn, and Ctrl-C would never be heard. */
  async #listen(): Promise<void> {
    if (performance.now() - this.#listened <= LISTEN_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#listened = performance.now();
  }
}
