/**
 * Runs a program on the CPU: SIMD kernels compiled to WebAssembly, in threads on one shared memory.
 * Kernels without a SIMD form run their reference. Results are the same bits for any number of threads.
 *
 * @module
 */
import { type Kernel, recordFields } from "../../../kernels/define_kernel.ts";
import { simdKernels } from "../../../kernels/mod.ts";
import { DeviceError, DeviceMemoryError } from "../../core/errors.ts";
import { bytesOf } from "../../program/memory/bytes.ts";
import { allSteps, boundBuffers, type Program, type Step } from "../../program/program.ts";
import type { Copies, Executor } from "../executor.ts";
import type { Answer, Call, Job, Place, Request, ThreadStart } from "./messages.ts";
import { oneThread, threads as manyThreads } from "./modules.js";

/** Bytes at the start of the memory for the module's own data and what threads share (threads.simd.ts). */
const RESERVED_BYTES = 16384;

/** Buffers start on cache lines, and scratch memory of threads on lines of its own. */
const ALIGNMENT = 128;

/** Bytes that a kernel may read after the end of a buffer, as it loads whole vectors. */
const PADDING_BYTES = 64;

/** Bytes of a page of WebAssembly memory, and the most pages of a 32-bit memory: 4 GiB. */
const PAGE_BYTES = 65536, MAX_PAGES = 65536;

/** What the CPU executor needs of a program. */
type Planned = Pick<Program, "buffers" | "layout" | "sections">;

/** Where everything is in the memory. */
interface MemoryMap {
  readonly buffers: ReadonlyMap<string, Place>;
  /** Addresses of the records of kernels, by step. */
  readonly records: ReadonlyMap<Step, number>;
  /** Scratch memory that the parts of a step share. */
  readonly shared: number;
  /** Scratch memory of each thread. */
  readonly scratch: readonly number[];
  readonly bytes: number;
}

interface Waiting {
  readonly resolve: (copies: readonly Uint8Array<ArrayBuffer>[]) => void;
  readonly reject: (error: Error) => void;
}

/** The executor of `--device cpu`. */
export class CpuExecutor implements Executor {
  readonly device = "cpu";
  readonly adapter: string;
  readonly bytes: number;
  readonly #map: MemoryMap;
  readonly #workers: readonly Worker[];
  /** Indices of the calls that the leader has. */
  readonly #calls = new Map<Step, number>();
  readonly #waiting = new Map<number, Waiting>();
  #writes: Job["writes"][number][] = [];
  #jobs = 0;
  #failed: Error | undefined;

  /**
   * @param threads number of threads, 1 or more; 1 does without shared memory
   * @throws DeviceMemoryError when the program does not fit into memory
   */
  constructor(program: Planned, threads: number) {
    this.#map = mapOf(program, threads);
    this.bytes = bytesOf(program.buffers, program.layout);
    this.adapter = cpuName(threads);
    const memory = memoryOf(this.#map.bytes, threads > 1);
    const start = threads > 1
      ? { module: manyThreads, memory, threads }
      : { module: oneThread, pages: memory.buffer.byteLength / PAGE_BYTES, threads };
    this.#workers = this.#map.scratch.map((scratch, i) => {
      // Named so that deno compile and bundlers see it.
      const worker = i === 0
        ? new Worker(new URL("./leader.ts", import.meta.url), { type: "module" })
        : new Worker(new URL("./follower.ts", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#settle(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.#fail(event.message);
      };
      worker.postMessage({ ...start, scratch } satisfies ThreadStart);
      return worker;
    });
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    this.#writes.push({ address: this.#find(buffer).address + offset, data: bytes });
  }

  /** Sends the leader the steps that it does not have yet. */
  // deno-lint-ignore require-await -- an executor may have to wait here
  async ready(steps: readonly Step[]): Promise<void> {
    const unknown = [...new Set(steps.filter((step) => !this.#calls.has(step)))];
    if (unknown.length === 0) return;
    for (const step of unknown) this.#calls.set(step, this.#calls.size);
    this.#post({ calls: unknown.map((step) => this.#callOf(step)) });
  }

  run(
    steps: readonly Step[],
    clear: readonly string[] = [],
    copied: readonly string[] = [],
  ): Copies {
    void this.ready(steps);
    const job = this.#jobs++, writes = this.#writes;
    this.#writes = [];
    const done = new Promise<readonly Uint8Array<ArrayBuffer>[]>((resolve, reject) => {
      if (this.#failed) reject(this.#failed);
      else this.#waiting.set(job, { resolve, reject });
    });
    // Whoever does not wait for this job learns of a failure from a later one.
    done.catch(() => {});
    this.#post({
      job,
      writes,
      clear: clear.map((name) => this.#find(name)),
      steps: Uint32Array.from(steps, (step) => this.#calls.get(step)!),
      copied: copied.map((name) => this.#find(name)),
    }, writes.map(({ data }) => data.buffer));
    return async () => [...await done];
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.run([], [], buffers)();
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate();
    this.#fail("the executor is closed");
  }

  #post(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#workers[0]!.postMessage(request, transfer);
  }

  #settle(answer: Answer): void {
    if ("error" in answer) return this.#fail(answer.error);
    this.#waiting.get(answer.job)?.resolve(answer.copies);
    this.#waiting.delete(answer.job);
  }

  #fail(reason: string): void {
    this.#failed ??= new DeviceError(
      `a thread of the CPU executor failed: ${reason}. Resume from the last checkpoint; ` +
        "qtrain doctor --device cpu tests the kernels",
    );
    for (const { reject } of this.#waiting.values()) reject(this.#failed);
    this.#waiting.clear();
  }

  #callOf(step: Step): Call {
    const { kernel, constants } = step;
    const buffers = Object.fromEntries(
      boundBuffers(step).map(({ variable, name }) => [variable, this.#find(name)]),
    );
    const record = this.#map.records.get(step);
    if (record === undefined) return { reference: kernel.name, constants, buffers };
    return {
      simd: simdKernels.indexOf(kernel),
      record,
      words: recordOf(kernel, step, buffers, this.#map.shared),
      parts: kernel.simd!.parts(constants),
    };
  }

  #find(name: string): Place {
    const found = this.#map.buffers.get(name);
    if (!found) throw new Error(`no buffer is named ${name}`);
    return found;
  }
}

/** Returns the name of the CPU as a device. */
export function cpuName(threads: number): string {
  return `CPU (WASM SIMD, ${threads === 1 ? "1 thread" : `${threads} threads`})`;
}

/** Returns the words of a kernel's record; a buffer that the step does not bind has address 0. */
function recordOf(
  kernel: Kernel,
  { constants }: Step,
  buffers: Readonly<Record<string, Place>>,
  shared: number,
): Uint32Array<ArrayBuffer> {
  const fields = recordFields(kernel), words = new Uint32Array(fields.length);
  const reals = new Float32Array(words.buffer), whole = new Int32Array(words.buffer);
  for (const [i, { name, type }] of fields.entries()) {
    if (name === "shared") words[i] = shared;
    else if (type === "address") words[i] = buffers[name]?.address ?? 0;
    else if (type === "f32") reals[i] = constants[name]!;
    else whole[i] = constants[name] ?? 0;
  }
  return words;
}

/** Lays out the memory: buffers, records, scratch. */
function mapOf({ buffers, layout, sections }: Planned, threads: number): MemoryMap {
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
  return {
    buffers: places,
    records,
    shared: take(sharedBytes),
    scratch: Array.from({ length: threads }, () => take(scratchBytes)),
    bytes: end,
  };
}

/** Allocates the memory. One that is not shared cannot be sent to a thread, which then allocates its own. */
function memoryOf(bytes: number, shared: boolean): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const remedy = "Use a smaller batch, smaller images or a narrower network";
  if (pages > MAX_PAGES) {
    throw new DeviceMemoryError(
      `the network and its batch need ${(bytes / 2 ** 30).toFixed(1)} GiB, and the CPU executor ` +
        `has at most 4 GiB. ${remedy}`,
    );
  }
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DeviceMemoryError(
      `out of memory: the network and its batch do not fit. ${remedy}`,
    );
  }
}
