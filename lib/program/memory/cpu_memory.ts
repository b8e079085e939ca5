/**
 * The memory of the CPU executor: where everything is in it, and how many bytes it takes.
 *
 * @module
 */
import { recordFields } from "../../../kernels/define_kernel.ts";
import { allSteps, type Program, type Step } from "../program.ts";

/** Bytes at the start of the memory for the module's own data and what threads share (threads.simd.ts). */
const RESERVED_BYTES = 16384;

/** Buffers start on cache lines, and scratch memory of threads on lines of its own. */
const ALIGNMENT = 128;

/** Bytes that a kernel may read after the end of a buffer, as it loads whole vectors. */
const PADDING_BYTES = 64;

/** Bytes of a page of WebAssembly memory. */
export const PAGE_BYTES = 65536;

/** A range of the memory in bytes. */
export interface Place {
  readonly address: number;
  readonly bytes: number;
}

/** What the memory depends on. */
export type Planned = Pick<Program, "buffers" | "layout" | "sections">;

/** Where everything is in the memory. */
interface MemoryMap {
  readonly buffers: ReadonlyMap<string, Place>;
  /** Addresses of the records of kernels, by step. */
  readonly records: ReadonlyMap<Step, number>;
  /** Scratch memory that the parts of a step share. */
  readonly shared: number;
  /** Scratch memory of each thread. */
  readonly scratch: readonly number[];
  /** Bytes up to the first thread's scratch memory, and of all. */
  readonly fixed: number;
  readonly bytes: number;
}

/** Lays out the memory: buffers, records, scratch. */
export function mapOf({ buffers, layout, sections }: Planned, threads: number): MemoryMap {
  let end = RESERVED_BYTES;
  const take = (bytes: number) => {
    const address = end;
    end = Math.ceil((address + bytes + PADDING_BYTES) / ALIGNMENT) * ALIGNMENT;
    return address;
  };
  const regions = layout?.regions.map(take) ?? [];
  const places = new Map(buffers.map(({ name, bytes }) => {
    const place = layout?.places.get(name);
    return [name, { address: place ? regions[place.region]! + place.offset : take(bytes), bytes }];
  }));
  const steps = allSteps({ sections }).filter(({ kernel }) => kernel.simd);
  const records = new Map(
    steps.map((step) => [step, take(4 * recordFields(step.kernel).length)]),
  );
  const most = (bytes: (step: Step) => number | undefined) =>
    steps.reduce((most, step) => Math.max(most, bytes(step) ?? 0), 0);
  const sharedBytes = most(({ kernel, constants }) => kernel.simd!.shared?.(constants));
  const scratchBytes = most(({ kernel, constants }) => kernel.simd!.scratch?.(constants));
  const shared = take(sharedBytes), fixed = end;
  const scratch = Array.from({ length: threads }, () => take(scratchBytes));
  return { buffers: places, records, shared, scratch, fixed, bytes: end };
}

/** Bytes of the CPU executor's memory. */
export interface CpuMemory {
  /** Buffers, records of kernels, and scratch memory that threads share. */
  readonly shared: number;
  /** Scratch memory of one thread. */
  readonly thread: number;
  /** All of it, in whole pages. */
  readonly total: number;
}

/** Returns how much memory a program takes with a number of threads. */
export function cpuMemory(program: Planned, threads: number): CpuMemory {
  const { fixed, bytes } = mapOf(program, threads);
  const total = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  return { shared: fixed, thread: (bytes - fixed) / threads, total };
}
