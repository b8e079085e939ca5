/**
 * Adds the gradients of all ranks' micro-batches. Each bucket of gradients is cut into as many slices as
 * there are ranks; a rank gets its slice of every micro-batch's gradient, adds them in the order of
 * micro-batches, one f32 addition each as one machine does, and gives the sum to all.
 *
 * The exchanges of a bucket begin when the backward pass has finished it, and run while it goes on.
 *
 * @module
 */
import type { Ranks, SharedBytes } from "../../distributed/ranks.ts";
import { gradientsInOrder } from "../../program/passes/exchange.ts";
import type { Program, Step } from "../../program/program.ts";
import type { Copies, Executor } from "../../runtime/executor.ts";

/**
 * Buckets of about an eighth of all gradients: what follows the last layer's backward pass cannot be hidden
 * behind it. Smaller ones than this cost more in messages than they hide.
 */
const MAX_BUCKETS = 8, MIN_BUCKET_BYTES = 65536;

/** Gradients that are exchanged together. */
interface Bucket {
  /** Their buffers. */
  readonly names: readonly string[];
  /** Their memory: f32 one after another, with zeros between buffers. */
  readonly memory: SharedBytes;
  /** Where each buffer begins in the memory, in bytes. */
  readonly offsets: readonly number[];
  /** The slice of each rank. */
  readonly slices: readonly SharedBytes[];
  /** What each rank has sent of this rank's slice. */
  readonly received: readonly SharedBytes[];
  /** The sum of this rank's slice. */
  readonly sum: Float32Array<ArrayBuffer>;
}

/** The gradients of a program on one rank. */
export class GradientSums {
  readonly #ranks: Ranks;
  readonly #executor: Executor;
  readonly #buckets: readonly Bucket[];
  /** Index of the backward pass's last step of each bucket. */
  readonly ends: readonly number[];
  /** When each bucket's last exchange is received and added, and its memory may change. */
  #added: Promise<void>[];
  /** Starts exchanges one after the other, in the same order on all ranks. */
  #started: Promise<void> = Promise.resolve();
  #spread: Promise<void>[] = [];
  /** The first buffer with a sum that is not finite, though its parts may be. */
  #overflow: string | undefined;

  /** @param backward the steps of the backward pass, as they run */
  constructor(program: Program, backward: readonly Step[], executor: Executor, ranks: Ranks) {
    this.#ranks = ranks;
    this.#executor = executor;
    const sizes = new Map(program.buffers.map(({ name, bytes }) => [name, bytes]));
    const finished = gradientsInOrder(program, backward);
    const total = finished.reduce((sum, { name }) => sum + sizes.get(name)!, 0);
    const groups: { names: string[]; bytes: number; last: number }[] = [];
    for (const { name, last } of finished) {
      const full = Math.max(MIN_BUCKET_BYTES, total / MAX_BUCKETS), open = groups.at(-1);
      const group = open && open.bytes < full ? open : { names: [], bytes: 0, last };
      if (group !== open) groups.push(group);
      group.names.push(name);
      group.bytes += sizes.get(name)!;
      group.last = last;
    }
    this.ends = groups.map(({ last }) => last);
    this.#buckets = groups.map(({ names }) => bucketOf(names, sizes, executor, ranks));
    this.#added = groups.map(() => Promise.resolve());
  }

  /** Waits until a bucket's memory may be written by the next micro-batch. */
  async free(bucket: number): Promise<void> {
    await this.#added[bucket];
  }

  /** The buffers that must be copied to the host for a bucket: none where it is the host's memory. */
  copied(bucket: number): readonly string[] {
    return this.#executor.memoryOf ? [] : this.#buckets[bucket]!.names;
  }

  /**
   * Exchanges and adds a bucket of one micro-batch as soon as `done` says that it is there.
   *
   * @param round number of the rank's micro-batch in the step, from 0
   * @param last whether it is the last one: the sums then go to all ranks
   */
  add(bucket: number, done: Copies, round: number, last: boolean): void {
    const before = this.#started;
    const received = (async () => {
      await before;
      const copies = await done();
      this.#fill(this.#buckets[bucket]!, copies);
      // A bucket's sums go out two buckets later, so that its exchange does not hold up the next one.
      if (last && bucket >= 2) await this.#spreadSum(bucket - 2);
      const { slices, received } = this.#buckets[bucket]!;
      return { done: this.#ranks.allToAll(slices, received) };
    })();
    this.#started = received.then(() => {});
    this.#added[bucket] = received.then(async ({ done }) => {
      await done;
      this.#addUp(this.#buckets[bucket]!, round, last);
    });
    // Who waits for the sums gets the error.
    this.#started.catch(() => {});
    this.#added[bucket]!.catch(() => {});
  }

  /** Waits for all sums of this rank's slices. @returns the buffer of the first that is not finite */
  async added(): Promise<string | undefined> {
    await this.#started;
    const last = this.#buckets.length;
    for (let bucket = Math.max(0, last - 2); bucket < last; bucket++) {
      await this.#spreadSum(bucket);
    }
    const overflow = this.#overflow;
    this.#overflow = undefined;
    return overflow;
  }

  /** Waits until the sums of all ranks are in the gradients' buffers. */
  async spread(): Promise<void> {
    await Promise.all(this.#spread.splice(0));
    if (this.#executor.memoryOf) return;
    for (const { names, offsets, memory } of this.#buckets) {
      for (const [i, name] of names.entries()) {
        this.#executor.write(name, memory.slice(offsets[i], offsets[i + 1]));
      }
    }
  }

  async #spreadSum(bucket: number): Promise<void> {
    await this.#added[bucket];
    const { slices, sum } = this.#buckets[bucket]!;
    floats(slices[this.#ranks.rank]!).set(sum);
    const spread = this.#ranks.allGather(slices);
    spread.catch(() => {});
    this.#spread.push(spread);
  }

  #fill({ memory, offsets }: Bucket, copies: readonly Uint8Array[]): void {
    for (const [i, copy] of copies.entries()) memory.set(copy, offsets[i]);
  }

  #addUp({ received, sum, names, offsets, slices, memory }: Bucket, round: number, last: boolean) {
    for (const [from, part] of received.entries()) {
      const values = floats(part);
      if (round === 0 && from === 0) sum.set(values);
      else for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
    }
    if (!last || this.#overflow !== undefined) return;
    const bad = sum.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) return;
    const at = slices[this.#ranks.rank]!.byteOffset - memory.byteOffset + 4 * bad;
    this.#overflow = names[offsets.findLastIndex((offset, i) => offset <= at && i < names.length)];
  }
}

function floats({ buffer, byteOffset, byteLength }: SharedBytes): Float32Array<SharedArrayBuffer> {
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}

function bucketOf(
  names: readonly string[],
  sizes: ReadonlyMap<string, number>,
  executor: Executor,
  { rank, size }: Ranks,
): Bucket {
  const { memory, offsets } = executor.memoryOf
    ? hostMemory(names, executor as Required<Executor>)
    : ownMemory(names, sizes);
  const cut = (i: number) => 4 * Math.floor(memory.length / 4 * i / size);
  const slices = Array.from({ length: size }, (_, i) => memory.subarray(cut(i), cut(i + 1)));
  const bytes = slices[rank]!.length;
  return {
    names,
    memory,
    offsets,
    slices,
    received: Array.from(
      { length: size },
      () => new Uint8Array(new SharedArrayBuffer(bytes)),
    ),
    sum: new Float32Array(bytes / 4),
  };
}

/** The executor's memory from the first of some buffers, which lie one after another, to the last. */
function hostMemory(
  names: readonly string[],
  executor: Required<Executor>,
): Pick<Bucket, "memory" | "offsets"> {
  const places = names.map((name) => executor.memoryOf(name));
  const first = places[0]!, { buffer, byteOffset, byteLength } = places.at(-1)!;
  const bytes = byteOffset + byteLength - first.byteOffset;
  return {
    memory: new Uint8Array(buffer, first.byteOffset, bytes),
    offsets: [...places.map((place) => place.byteOffset - first.byteOffset), bytes],
  };
}

/** Memory for copies of buffers that are on a device. */
function ownMemory(
  names: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Pick<Bucket, "memory" | "offsets"> {
  const offsets = [0];
  for (const name of names) offsets.push(offsets.at(-1)! + sizes.get(name)!);
  return { memory: new Uint8Array(new SharedArrayBuffer(offsets.at(-1)!)), offsets };
}
