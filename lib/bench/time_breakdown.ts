/**
 * The breakdown of a step's time: waiting for results, and submitting. A software adapter computes
 * inside of the submit (llvmpipe: 40 ms of a step of 41), a real one after it.
 *
 * @module
 */
import type { Copies, Executor } from "../runtime/executor.ts";
import type { Step } from "../program/program.ts";

/** Repetitions to measure the minimum time of an empty wait and submit. */
const REPETITIONS = 5;

/** An executor that measures how long the results of another one are waited for. */
export class WaitClock implements Executor {
  readonly device: "gpu" | "cpu";
  readonly adapter: string;
  /** Milliseconds in which at least one result was waited for; may be set to 0. */
  waited = 0;
  /** Number of such waits; overlapping ones count once. */
  waits = 0;
  #waiting = 0;
  #since = 0;

  constructor(readonly inner: Executor) {
    this.device = inner.device;
    this.adapter = inner.adapter;
  }

  get bytes(): number {
    return this.inner.bytes;
  }

  get idleWait(): number {
    return this.inner.idleWait;
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset?: number): void {
    this.inner.write(buffer, data, offset);
  }

  ready(steps: readonly Step[]): Promise<void> {
    return this.inner.ready(steps);
  }

  run(...args: Parameters<Executor["run"]>): Copies {
    const read = this.inner.run(...args);
    return () => this.#clocked(read);
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.#clocked(() => this.inner.read(buffers));
  }

  async #clocked<T>(wait: () => Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) {
      this.#since = performance.now();
      this.waits++;
    }
    try {
      return await wait();
    } finally {
      if (--this.#waiting === 0) this.waited += performance.now() - this.#since;
    }
  }

  close(): void {
    this.inner.close();
  }
}

/** Measures the submits of a queue. */
export class SubmitClock {
  /** Milliseconds in submits; may be set to 0. */
  spent = 0;
  /** Number of submits. */
  submits = 0;

  constructor(queue: GPUQueue) {
    const submit = queue.submit.bind(queue);
    queue.submit = (commands) => {
      const began = performance.now();
      submit(commands);
      this.spent += performance.now() - began;
      this.submits++;
    };
  }
}

/** Milliseconds of a wait and of a submit on an idle device: the minimum of a few. */
export interface Overheads {
  readonly wait: number;
  readonly submit: number;
}

/**
 * Measures {@link Overheads} on an idle executor.
 *
 * @param submits the clock of a GPU's queue; absent for the CPU, which has none
 */
export async function measureOverheads(
  executor: Executor,
  submits: SubmitClock | undefined,
): Promise<Overheads> {
  let wait = Infinity, submit = submits ? Infinity : 0;
  for (let i = 0; i < REPETITIONS; i++) {
    if (submits) submits.spent = 0;
    executor.run([]);
    if (submits) submit = Math.min(submit, submits.spent);
    await executor.read(["metrics"]);
    const began = performance.now();
    await executor.read(["metrics"]);
    wait = Math.min(wait, performance.now() - began);
  }
  return { wait, submit };
}
