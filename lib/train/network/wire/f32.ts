/**
 * Gradients as f32: from the bucket's own memory, and back to it.
 *
 * @module
 */
import type { Ranks, SharedBytes } from "../../../distributed/ranks.ts";
import { type Bucket, type BucketWire, floats, receivedOf, slicesOf } from "./wire.ts";

/** The exchange of a bucket in f32. */
export class F32Wire implements BucketWire {
  readonly received: readonly SharedBytes[];
  readonly #slices: readonly SharedBytes[];
  readonly #own: Float32Array;
  readonly #sum: Float32Array;

  constructor({ memory }: Bucket, ranks: Ranks) {
    this.#slices = slicesOf(memory, 4, ranks.size);
    this.received = receivedOf(this.#slices, ranks);
    this.#own = floats(this.#slices[ranks.rank]!);
    this.#sum = new Float32Array(this.#own.length);
  }

  parts(): readonly SharedBytes[] {
    return this.#slices;
  }

  add(first: boolean): void {
    const sum = this.#sum;
    for (const [from, part] of this.received.entries()) {
      const values = floats(part);
      if (first && from === 0) sum.set(values);
      else for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
    }
  }

  sums(): readonly SharedBytes[] {
    this.#own.set(this.#sum);
    return this.#slices;
  }

  finish(): void {} // The sums were received in place.
}
