/**
 * Messages between the main thread and the thread that leads the others.
 *
 * @module
 */
import type { Constants } from "../../../kernels/define_kernel.ts";
import type { Place } from "../../program/memory/cpu_memory.ts";

/** How a thread enters the kernels: the first message to every thread. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  /** The memory that threads share; one thread allocates its own, of `pages`. */
  readonly memory?: WebAssembly.Memory;
  readonly pages?: number;
  /** Address of the thread's scratch memory. */
  readonly scratch: number;
  /** Number of threads. */
  readonly threads: number;
}

/** A step that the leader can run: by a SIMD kernel, or by a reference. */
export type Call =
  | {
    /** Index of the kernel in `simdKernels`. */
    readonly simd: number;
    /** Address of its record, and the words to write there. */
    readonly record: number;
    readonly words: Uint32Array<ArrayBuffer>;
    /** Parts of each phase. */
    readonly parts: readonly number[];
  }
  | {
    /** Name of the kernel. */
    readonly reference: string;
    readonly constants: Constants;
    /** Buffers by the kernel's variables. */
    readonly buffers: Readonly<Record<string, Place>>;
  };

/** A job: in this order, data to write, buffers to clear, steps to run, and buffers to copy. */
export interface Job {
  readonly job: number;
  readonly writes: readonly { readonly address: number; readonly data: Uint8Array<ArrayBuffer> }[];
  readonly clear: readonly Place[];
  /** Indices of calls, in the order in which they were sent. */
  readonly steps: Uint32Array<ArrayBuffer>;
  readonly copied: readonly Place[];
  /** Whether to time the steps. */
  readonly timed: boolean;
}

/** A message to the leader. */
export type Request = ThreadStart | { readonly calls: readonly Call[] } | Job;

/** The results of a job. */
export interface Results {
  readonly copies: readonly Uint8Array<ArrayBuffer>[];
  /** Milliseconds of each step, if the job is timed. */
  readonly times: readonly number[];
}

/** The results of a job, from the leader; or why a thread failed. */
export type Answer =
  | (Results & { readonly job: number })
  | { readonly error: string };
