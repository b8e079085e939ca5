/**
 * What the main thread and the thread of MPI say to each other.
 *
 * @module
 */
import type { RankFailure, SharedBytes } from "../ranks.ts";
import type { Note } from "./note.ts";

/** The first message to the thread. */
export interface Start {
  /** Libraries to try, in this order. */
  readonly libraries: readonly string[];
  /** Where jobs come. */
  readonly jobs: MessagePort;
  /** One number, changed and notified at every job, so that the thread wakes. */
  readonly bell: Int32Array<SharedArrayBuffer>;
}

/** Where bytes lie. A view itself would do, but receiving one takes as long as walking through its bytes. */
interface Range {
  readonly memory: SharedArrayBuffer;
  readonly start: number;
  readonly length: number;
}

/** Where a view's bytes lie. */
export function rangeOf({ buffer, byteOffset, length }: SharedBytes): Range {
  return { memory: buffer, start: byteOffset, length };
}

/** The bytes that lie there. */
export function bytesAt({ memory, start, length }: Range): SharedBytes {
  return new Uint8Array(memory, start, length);
}

/** What the thread is to do. */
export type Job =
  & { readonly id: number }
  & (
    | { readonly kind: "gather"; readonly bytes: Range }
    | {
      readonly kind: "allToAll";
      readonly parts: readonly Range[];
      readonly into: readonly Range[];
    }
    | { readonly kind: "allGather"; readonly parts: readonly Range[] }
    | { readonly kind: "fail"; readonly failure: RankFailure }
    | { readonly kind: "close" }
  );

/** What the thread says. */
export type Answer =
  /** MPI has started. */
  | {
    readonly kind: "ready";
    readonly rank: number;
    readonly size: number;
    readonly host: string;
    /** The cores that the launcher lets this process run on; empty if unknown. */
    readonly cores: string;
    readonly version: string;
  }
  /** MPI has not started: no library could be loaded, for these reasons, or it failed. */
  | { readonly kind: "refused"; readonly reason: Refusal; readonly messages: readonly string[] }
  /** A job is done. */
  | { readonly kind: "done"; readonly id: number; readonly given?: Uint8Array<ArrayBuffer>[] }
  /** The ranks have left, and the thread ends. */
  | { readonly kind: "closed" }
  /** A rank has failed. */
  | { readonly kind: "failed"; readonly note: Required<Note> };

/** Why MPI has not started. */
export type Refusal = "no library" | "no permission" | "failed";
