/**
 * Gradients as 8-bit codes, each buffer with a range of its own that was estimated from earlier steps, as
 * in-hindsight range estimation does (arXiv 2105.04246), here of all ranks' micro-batches: so codes of
 * all ranks have one scale, and their sum is a sum of whole numbers, exact in any order.
 *
 * Values are rounded at random to one of their two neighbours, so that the mean of many is right; the
 * random number is a hash of step, micro-batch, buffer and element, so it does not depend on ranks.
 *
 * @module
 */
import type { Ranks, SharedBytes } from "../../../distributed/ranks.ts";
import { F32Wire } from "./f32.ts";
import {
  type Bucket,
  type BucketWire,
  floats,
  type MicroBatchId,
  receivedOf,
  shared,
  slicesOf,
} from "./wire.ts";

const MAX_CODE = 127;
/** Micro-batches whose codes add up to at most 2¹⁵ − 1. */
const MAX_MICROS_INT16 = Math.floor(32767 / MAX_CODE);

/** Share of the old range in an average. */
const KEPT = Math.fround(0.9), TAKEN = Math.fround(1 - KEPT);

/** Ranges of gradients on the wire, by buffer. */
export class WireRanges {
  /** Largest absolute value that a code stands for; a buffer without one has not been seen yet. */
  readonly ranges = new Map<string, number>();
  #before: ReadonlyMap<string, number> = new Map();
  /** Largest absolute value of each buffer in this step, of this rank's micro-batches. */
  readonly seen: Float32Array<ArrayBuffer>;

  /** @param names the buffers of the gradients */
  constructor(readonly names: readonly string[]) {
    this.seen = new Float32Array(names.length);
  }

  /** Records the largest absolute value of a micro-batch's gradient. */
  see(name: string, values: Float32Array): void {
    let most = 0;
    for (const value of values) {
      if (value > most) most = value;
      else if (-value > most) most = -value;
    }
    const i = this.names.indexOf(name);
    this.seen[i] = Math.max(this.seen[i]!, most);
  }

  /** Sets the ranges of the next step. @param seen by all ranks */
  update(seen: Float32Array): void {
    const { fround } = Math;
    this.#before = new Map(this.ranges);
    for (const [i, name] of this.names.entries()) {
      const now = seen[i]!;
      if (!Number.isFinite(now) || now === 0) continue;
      const old = this.ranges.get(name);
      const next = old ? fround(fround(TAKEN * now) + fround(KEPT * old)) : now;
      this.ranges.set(name, next);
    }
  }

  /** Sets the ranges from before the last {@linkcode update}. */
  undo(): void {
    this.ranges.clear();
    for (const [name, range] of this.#before) this.ranges.set(name, range);
  }
}

/** The exchange of a bucket in 8 bits; in f32 while a buffer has no range. */
export class Int8Wire implements BucketWire {
  readonly #bucket: Bucket;
  readonly #ranges: WireRanges;
  readonly #first: F32Wire;
  readonly #codes: Int8Array<SharedArrayBuffer>;
  readonly #parts: readonly SharedBytes[];
  readonly #received: readonly SharedBytes[];
  readonly #sum: Int32Array;
  /** Sums of codes, of all ranks. */
  readonly #all: Int16Array<SharedArrayBuffer> | Int32Array<SharedArrayBuffer>;
  readonly #slices: readonly SharedBytes[];
  readonly #rank: number;

  /** @param micros micro-batches of a step */
  constructor(bucket: Bucket, ranks: Ranks, ranges: WireRanges, micros: number) {
    this.#bucket = bucket;
    this.#ranges = ranges;
    this.#rank = ranks.rank;
    this.#first = new F32Wire(bucket, ranks);
    const elements = bucket.memory.length / 4, codes = shared(elements);
    this.#codes = new Int8Array(codes.buffer);
    this.#parts = slicesOf(codes, 1, ranks.size);
    this.#received = receivedOf(this.#parts, ranks);
    this.#sum = new Int32Array(this.#received[0]!.length);
    const bytes = sumBytes(micros), all = shared(elements * bytes);
    this.#all = bytes === 2 ? new Int16Array(all.buffer) : new Int32Array(all.buffer);
    this.#slices = slicesOf(all, bytes, ranks.size);
  }

  get received(): readonly SharedBytes[] {
    return this.#inCodes ? this.#received : this.#first.received;
  }

  parts(id: MicroBatchId): readonly SharedBytes[] {
    for (const [name, values] of this.#buffers()) this.#ranges.see(name, values);
    if (!this.#inCodes) return this.#first.parts();
    for (const [name, values, codes] of this.#buffers()) {
      encode(
        values,
        codes,
        this.#ranges.ranges.get(name)!,
        keyOf(id, this.#ranges.names.indexOf(name)),
      );
    }
    return this.#parts;
  }

  add(first: boolean): void {
    if (!this.#inCodes) return this.#first.add(first);
    if (first) this.#sum.fill(0);
    for (const part of this.#received) {
      const codes = new Int8Array(part.buffer);
      for (let i = 0; i < codes.length; i++) this.#sum[i]! += codes[i]!;
    }
  }

  sums(): readonly SharedBytes[] {
    if (!this.#inCodes) return this.#first.sums();
    const own = this.#slices[this.#rank]!, bytes = this.#all.BYTES_PER_ELEMENT;
    this.#all.set(this.#sum, own.byteOffset / bytes);
    return this.#slices;
  }

  finish(): void {
    if (!this.#inCodes) return;
    for (const [name, values, , at] of this.#buffers()) {
      const scale = Math.fround(this.#ranges.ranges.get(name)! / MAX_CODE);
      for (let i = 0; i < values.length; i++) values[i] = scale * this.#all[at + i]!;
    }
  }

  /** Whether all buffers have a range. It changes between steps only. */
  get #inCodes(): boolean {
    return this.#bucket.names.every((name) => this.#ranges.ranges.has(name));
  }

  /** Each buffer's values, its codes, and the index of its first element in the bucket. */
  *#buffers(): Generator<[string, Float32Array, Int8Array, number]> {
    const { names, offsets, memory } = this.#bucket, all = floats(memory);
    for (const [i, name] of names.entries()) {
      const from = offsets[i]! / 4, to = offsets[i + 1]! / 4;
      yield [name, all.subarray(from, to), this.#codes.subarray(from, to), from];
    }
  }
}

/** Bytes of a sum of codes. @param micros micro-batches of a step */
export function sumBytes(micros: number): 2 | 4 {
  return micros <= MAX_MICROS_INT16 ? 2 : 4;
}

/** Rounds values to codes at random; NaN to 0. A step whose values are not finite is undone. */
function encode(values: Float32Array, codes: Int8Array, range: number, key: number): void {
  const perUnit = MAX_CODE / range;
  for (let i = 0; i < values.length; i++) {
    const code = Math.floor(values[i]! * perUnit + unit(key, i));
    codes[i] = code > MAX_CODE ? MAX_CODE : code < -MAX_CODE ? -MAX_CODE : code;
  }
}

function keyOf({ step, micro }: MicroBatchId, buffer: number): number {
  return mixed(mixed(mixed(step) ^ micro) ^ buffer);
}

/** A number in [0, 1) by key and index. */
function unit(key: number, index: number): number {
  return (mixed(key ^ Math.imul(index, 0x9e3779b1)) >>> 8) / 2 ** 24;
}

/** The finalizer of MurmurHash3 (Appleby): every bit of the result depends on every bit given. */
function mixed(h: number): number {
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  return h ^ h >>> 16;
}
