/**
 * Where the time of steps goes: how long results are waited for, and how long submits take. A
 * software adapter computes inside the submit (llvmpipe: 40 ms of a step of 41), a real one behind it.
 *
 * @module
 */
import type { Copies, Executor } from "../runtime/executor.ts";
import type { Step } from "../program/program.ts";

/** Times that something empty is done, to know what it takes at least. */
const EMPTY = 5;

/** Passes everything on, and knows how long {@link read} and what {@link run} gives were waited for. */
export class WaitClock implements Executor {
  readonly device: "gpu" | "cpu";
  readonly adapter: string;
  /** Milliseconds in which at least one result was waited for, since it was last set to 0. */
  waited = 0;
  /** Waits: stretches of time in which at least one result was waited for. */
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

/** Notes how long the submits of a queue take. */
export class SubmitClock {
  /** Milliseconds inside of submits, since it was last set to 0. */
  spent = 0;
  /** How many they were. */
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

/** What is paid although the device has nothing to do, in milliseconds: the least of a few. */
export interface Overheads {
  /** A wait. */
  readonly wait: number;
  /** A submit. */
  readonly submit: number;
}

/** Measures {@link Overheads} on an idle executor. */
export async function measureOverheads(
  executor: Executor,
  submits: SubmitClock,
): Promise<Overheads> {
  let wait = Infinity, submit = Infinity;
  for (let i = 0; i < EMPTY; i++) {
    submits.spent = 0;
    executor.run([]);
    submit = Math.min(submit, submits.spent);
    await executor.read(["metrics"]);
    const began = performance.now();
    await executor.read(["metrics"]);
    wait = Math.min(wait, performance.now() - began);
  }
  return { wait, submit };
}
