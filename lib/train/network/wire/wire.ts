/**
 * How the gradients of a bucket go from rank to rank.
 *
 * @module
 */
import type { Ranks, SharedBytes } from "../../../distributed/ranks.ts";

/** Gradients that are exchanged together. */
export interface Bucket {
  /** Their buffers. */
  readonly names: readonly string[];
  /** Their memory: f32 one after another, with zeros between buffers. */
  readonly memory: SharedBytes;
  /** Where each buffer begins in the memory, in bytes, and where the last one ends. */
  readonly offsets: readonly number[];
}

/** One micro-batch of one step; both count from 0. */
export interface MicroBatchId {
  readonly step: number;
  readonly micro: number;
}

/** The exchange of one bucket. Each rank gets, adds and gives back its slice of the bucket. */
export interface BucketWire {
  /** What this rank sends to each for a micro-batch, from the bucket's memory. */
  parts(id: MicroBatchId): readonly SharedBytes[];
  /** Where what each rank sends is to be written. */
  readonly received: readonly SharedBytes[];
  /** Adds what was received, in the order of ranks. @param first whether the sum begins with it */
  add(first: boolean): void;
  /** The slices of the sum for all ranks, of which this rank's is complete. */
  sums(): readonly SharedBytes[];
  /** Writes the sums of all ranks, which are complete now, to the bucket's memory. */
  finish(): void;
}

/** Values of f32 in memory that threads share. */
export function floats(
  { buffer, byteOffset, byteLength }: SharedBytes,
): Float32Array<SharedArrayBuffer> {
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}

/** Where the slice of each rank begins, and the last one ends, in elements. */
export function cuts(elements: number, size: number): number[] {
  return Array.from({ length: size + 1 }, (_, rank) => Math.floor(elements * rank / size));
}

/** Cuts memory of whole elements into a slice for each rank. */
export function slicesOf(memory: SharedBytes, elementBytes: number, size: number): SharedBytes[] {
  const at = cuts(memory.length / elementBytes, size).map((element) => elementBytes * element);
  return at.slice(1).map((end, rank) => memory.subarray(at[rank], end));
}

/** Memory for what each rank sends of this rank's slice. */
export function receivedOf(slices: readonly SharedBytes[], { rank, size }: Ranks): SharedBytes[] {
  return Array.from({ length: size }, () => shared(slices[rank]!.length));
}

/** New memory that threads share. */
export function shared(bytes: number): SharedBytes {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}
