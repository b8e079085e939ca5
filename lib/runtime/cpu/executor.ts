/**
 * Runs a program on the CPU: SIMD kernels compiled to WebAssembly, in threads on one shared memory.
 * Kernels without a SIMD form run their reference. Results are the same bits for any number of threads.
 *
 * @module
 */
import { type Kernel, recordFields } from "../../../kernels/define_kernel.ts";
import { simdKernels } from "../../../kernels/mod.ts";
import { DeviceError } from "../../core/errors.ts";
import { mapOf, PAGE_BYTES, type Place } from "../../program/memory/cpu_memory.ts";
import { boundBuffers, type Program, type Step } from "../../program/program.ts";
import type { Copies, Executor } from "../executor.ts";
import type { Answer, Call, Job, Request, Results, ThreadStart } from "./messages.ts";
import { allocate } from "./memory.ts";
import { cpuName } from "./support.ts";
import { oneThread, threads as manyThreads } from "./modules.js";

interface Waiting {
  readonly resolve: (results: Results) => void;
  readonly reject: (error: Error) => void;
}

/** The executor of `--device cpu`. */
export class CpuExecutor implements Executor {
  readonly device = "cpu";
  /** Two messages between threads. */
  readonly idleWait = 0.002;
  readonly adapter: string;
  readonly bytes: number;
  readonly #map: ReturnType<typeof mapOf>;
  /** The memory that threads share, also with ranks' exchanges; one thread alone has its own. */
  readonly #memory: WebAssembly.Memory | undefined;
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
  constructor(
    program: Pick<Program, "buffers" | "layout" | "sections" | "exchanges">,
    threads: number,
  ) {
    const shared = threads > 1 || program.exchanges === true;
    this.#map = mapOf(program, threads);
    this.adapter = cpuName(threads);
    const memory = allocate(this.#map.bytes, shared);
    this.bytes = memory.buffer.byteLength;
    if (shared) this.#memory = memory;
    const start = shared
      ? { module: manyThreads, memory, threads }
      : { module: oneThread, pages: this.bytes / PAGE_BYTES, threads };
    this.#workers = this.#map.scratch.map((scratch, i) => {
      // Named so that deno compile and bundlers see it.
      const worker = i === 0
        ? new Worker(new URL("./leader.ts", import.meta.url), { type: "module" })
        : new Worker(new URL("./follower.ts", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#settle(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.#fail(event.message.replace(/^Uncaught (\w+: )?/, ""));
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
    const done = this.#start(steps, clear, copied, false);
    return async () => [...(await done).copies];
  }

  /** Runs steps in order. @returns nanoseconds of each, by the clock of the leading thread */
  async time(steps: readonly Step[]): Promise<number[]> {
    const { times } = await this.#start(steps, [], [], true);
    return times.map((ms) => ms * 1e6);
  }

  /** Sends the leader a job. */
  #start(
    steps: readonly Step[],
    clear: readonly string[],
    copied: readonly string[],
    timed: boolean,
  ): Promise<Results> {
    void this.ready(steps);
    const job = this.#jobs++, writes = this.#writes;
    this.#writes = [];
    const done = new Promise<Results>((resolve, reject) => {
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
      timed,
    }, writes.map(({ data }) => data.buffer));
    return done;
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.run([], [], buffers)();
  }

  memoryOf(buffer: string): Uint8Array<SharedArrayBuffer> {
    const { address, bytes } = this.#find(buffer), { buffer: memory } = this.#memory!;
    return new Uint8Array(memory as unknown as SharedArrayBuffer, address, bytes);
  }

  close(): void {
    if (this.#memory) stopFollowers(this.#memory);
    for (const worker of this.#workers) worker.terminate();
    this.#fail("the executor is closed");
  }

  #post(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#workers[0]!.postMessage(request, transfer);
  }

  #settle(answer: Answer): void {
    if ("error" in answer) return this.#fail(answer.error);
    this.#waiting.get(answer.job)?.resolve(answer);
    this.#waiting.delete(answer.job);
  }

  #fail(reason: string): void {
    this.#failed ??= new DeviceError(
      `a thread of the CPU executor failed: ${reason}. A run that has a checkpoint goes on from it ` +
        "with --resume; qtrain doctor tests the kernels",
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

/** Ends the followers: terminating a worker does not wake it from a wait in WebAssembly. */
function stopFollowers(memory: WebAssembly.Memory): void {
  const { exports } = new WebAssembly.Instance(manyThreads, { env: { memory } });
  (exports.stop as () => void)();
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
