/**
 * Adds the gradients of all ranks' micro-batches. Each bucket of gradients is cut into as many slices as
 * there are ranks; a rank gets its slice of every micro-batch's gradient, adds them in the order of
 * micro-batches, one f32 addition each as one machine does, and gives the sum to all.
 *
 * The exchanges of a bucket begin when the backward pass has finished it, and run while it goes on.
 *
 * @module
 */
import type { Ranks } from "../../distributed/ranks.ts";
import { gradientsInOrder } from "../../program/passes/exchange.ts";
import type { Program, Step } from "../../program/program.ts";
import type { Copies, Executor } from "../../runtime/executor.ts";
import type { SliceExchanges } from "./slice_exchanges.ts";
import { F32Wire } from "./wire/f32.ts";
import { Int8Wire, type WireRanges } from "./wire/int8.ts";
import { type Bucket, type BucketWire, floats, type MicroBatchId, shared } from "./wire/wire.ts";

/**
 * Buckets of about an eighth of all gradients: what follows the last layer's backward pass cannot be hidden
 * behind it. Smaller ones than this cost more in messages than they hide.
 */
const MAX_BUCKETS = 8, MIN_BUCKET_BYTES = 65536;

/** A bucket, and how it goes from rank to rank. */
type WiredBucket = Bucket & { readonly wire: BucketWire };

/** The buckets of a program on one rank. Their memory is the same whichever steps make the gradients. */
export class GradientBuckets {
  readonly #known = new Map<string, WiredBucket>();
  readonly #sizes: ReadonlyMap<string, number>;

  /** @param ranges of gradients on the wire, where they go in 8 bits */
  constructor(
    readonly program: Program,
    readonly executor: Executor,
    readonly ranks: Ranks,
    readonly ranges: WireRanges | undefined,
  ) {
    this.#sizes = new Map(program.buffers.map(({ name, bytes }) => [name, bytes]));
  }

  /** Groups the gradients that some steps finish one after another. */
  groups(backward: readonly Step[]): readonly Group[] {
    return grouped(this.program, backward, this.#sizes);
  }

  /** The bucket of some gradients. */
  of(names: readonly string[]): WiredBucket {
    const key = names.join(), known = this.#known.get(key);
    if (known) return known;
    const bucket = bucketOf(names, this.#sizes, this.executor), { ranks, ranges, program } = this;
    const wire = ranges
      ? new Int8Wire(bucket, ranks, ranges, program.micros)
      : new F32Wire(bucket, ranks);
    const made = { ...bucket, wire };
    this.#known.set(key, made);
    return made;
  }
}

/** The gradients that some steps make, on one rank. */
export class GradientSums {
  readonly #exchanges: SliceExchanges;
  readonly #executor: Executor;
  readonly #buckets: readonly WiredBucket[];
  /** The steps of the backward pass that finish each bucket, and those after the last one. */
  readonly parts: readonly (readonly Step[])[];
  readonly rest: readonly Step[];
  /** When each bucket's last exchange is received and added, and its memory may change. */
  readonly #added: Promise<unknown>[];

  /** @param backward the steps of the backward pass, as they run */
  constructor(backward: readonly Step[], buckets: GradientBuckets, exchanges: SliceExchanges) {
    this.#exchanges = exchanges;
    this.#executor = buckets.executor;
    const groups = buckets.groups(backward);
    const ends = groups.map(({ last }) => last + 1);
    this.parts = ends.map((end, i) => backward.slice(ends[i - 1] ?? 0, end));
    this.rest = backward.slice(ends.at(-1) ?? 0);
    this.#buckets = groups.map(({ names }) => buckets.of(names));
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
   * @param first whether the micro-batch is this rank's first one of the step
   * @param last whether it is the last one: the sums then go to all ranks
   */
  add(
    bucket: number,
    done: Copies,
    id: MicroBatchId,
    { first, last }: { readonly first: boolean; readonly last: boolean },
  ): void {
    const { memory, offsets, wire } = this.#buckets[bucket]!;
    this.#added[bucket] = this.#exchanges.begin(async () => {
      for (const [i, values] of (await done()).entries()) memory.set(values, offsets[i]);
      return {
        received: wire.received,
        parts: () => wire.parts(id),
        combine: () => wire.add(first),
        result: () => last ? wire.sums() : undefined,
      };
    });
  }

  /** Writes the sums of all ranks, which must be there, to the gradients' buffers. @returns those not finite */
  finish(): string[] {
    const bad: string[] = [];
    for (const { names, offsets, memory, wire } of this.#buckets) {
      wire.finish();
      const all = floats(memory);
      for (const [i, name] of names.entries()) {
        const values = all.subarray(offsets[i]! / 4, offsets[i + 1]! / 4);
        if (!areFinite(values)) bad.push(name);
        if (!this.#executor.memoryOf) this.#executor.write(name, values.slice());
      }
    }
    return bad;
  }
}

/** Whether all are: a number that is not gives NaN, times 0. */
function areFinite(values: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += 0 * values[i]!;
  return zero === 0;
}

/** Gradients, and the index of the step that finishes the last one. */
interface Group {
  readonly names: readonly string[];
  readonly last: number;
}

/** Groups gradients that are finished one after another. */
function grouped(
  program: Program,
  backward: readonly Step[],
  sizes: ReadonlyMap<string, number>,
): Group[] {
  const finished = gradientsInOrder(program, backward);
  const total = finished.reduce((sum, { name }) => sum + sizes.get(name)!, 0);
  const full = Math.max(MIN_BUCKET_BYTES, total / MAX_BUCKETS);
  const groups: { names: string[]; bytes: number; last: number }[] = [];
  for (const { name, last } of finished) {
    const open = groups.at(-1);
    const group = open && open.bytes < full ? open : { names: [], bytes: 0, last };
    if (group !== open) groups.push(group);
    group.names.push(name);
    group.bytes += sizes.get(name)!;
    group.last = last;
  }
  return groups;
}

function bucketOf(
  names: readonly string[],
  sizes: ReadonlyMap<string, number>,
  executor: Executor,
): Bucket {
  if (executor.memoryOf) {
    const places = names.map((name) => executor.memoryOf!(name));
    const first = places[0]!, { buffer, byteOffset, byteLength } = places.at(-1)!;
    const bytes = byteOffset + byteLength - first.byteOffset;
    return {
      names,
      memory: new Uint8Array(buffer, first.byteOffset, bytes),
      offsets: [...places.map((place) => place.byteOffset - first.byteOffset), bytes],
    };
  }
  const offsets = [0];
  for (const name of names) offsets.push(offsets.at(-1)! + sizes.get(name)!);
  return { names, memory: shared(offsets.at(-1)!), offsets };
}
