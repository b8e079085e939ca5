/**
 * The batches of a run in the order of its steps, asked for ahead of time where workers read them:
 * they work while the GPU does.
 *
 * @module
 */
import type { BatchReader } from "../../data/batch_reader.ts";
import type { Batch } from "../../data/batch.ts";

/** Hands out the batch of each step, once. */
export class Prefetcher {
  readonly #asked = new Map<number, Promise<Batch>>();
  #order: { readonly epoch: number; readonly indices: Uint32Array<ArrayBuffer> } | undefined;
  #next = 0;

  /**
   * @param seed of the run
   * @param perEpoch steps in an epoch
   * @param steps of the whole run
   */
  constructor(
    readonly reader: BatchReader,
    readonly seed: number,
    readonly perEpoch: number,
    readonly steps: number,
  ) {}

  /** The batch of `step`, from 0; steps are asked for in their order. */
  async at(step: number): Promise<Batch> {
    const last = Math.min(step + this.reader.ahead, this.steps - 1);
    for (let at = Math.max(step, this.#next); at <= last; at++) {
      const batch = this.#read(at);
      // Whoever waits for it hears of an error; until then it is not one that nobody handles.
      batch.catch(() => {});
      this.#asked.set(at, batch);
      this.#next = at + 1;
    }
    const batch = this.#asked.get(step);
    this.#asked.delete(step);
    return await (batch ?? this.#read(step));
  }

  #read(step: number): Promise<Batch> {
    const epoch = Math.floor(step / this.perEpoch);
    if (this.#order?.epoch !== epoch) {
      this.#order = { epoch, indices: this.reader.order(this.seed, epoch) };
    }
    return this.reader.training(this.#order.indices, step % this.perEpoch, epoch);
  }
}
