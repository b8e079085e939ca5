/**
 * Times steps on the device: each in its own pass, with a timestamp at its start and end. That excludes
 * time of the host and overlap of one step with the next. Adapters without timestamps are timed with
 * the host's clock.
 *
 * @module
 */
import { DeviceError } from "../../core/errors.ts";
import type { Step } from "../../program/program.ts";
import type { Gpu } from "./device.ts";
import type { GpuExecutor } from "./executor.ts";

/** Maximum number of timestamps in a query set. */
const MAX_QUERIES = 4096;
/** Bytes of a timestamp. */
const TIMESTAMP_BYTES = 8;

/** Minimum nanoseconds that the clock measures, as the wait itself varies by a millisecond or two. */
const MIN_NS = 20e6;
/** Maximum number of dispatches that the clock measures together. */
const MAX_DISPATCHES = 1024;

/** Times steps of an executor, with timestamps or by the clock. */
export interface Timer {
  /**
   * Runs steps in order, each after the one before has ended.
   *
   * @param dispatches how often each runs in a measurement, at least; 1 by default
   * @returns nanoseconds of each, for one of its runs
   */
  time(steps: readonly Step[], dispatches?: number): Promise<number[]>;
  /** Frees its buffers; the executor stays. */
  close(): void;
}

/** Returns a timer with timestamps if the adapter has them, else one that uses the clock. */
export function timerOf(gpu: Gpu, executor: GpuExecutor): Timer {
  return gpu.device.features.has("timestamp-query")
    ? new StepTimer(gpu, executor)
    : new ClockTimer(gpu, executor);
}

/** Encodes the work of one pass. */
export type Encode = (pass: GPUComputePassEncoder) => void;

/** Times passes of a GPU. */
export class PassTimer {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  /** @throws DeviceError when the adapter has no timestamps */
  constructor(gpu: Gpu) {
    if (!hasTimestamps(gpu)) {
      throw new DeviceError(
        `cannot time kernels: adapter ${gpu.name} lacks timestamp-query, a feature of WebGPU`,
      );
    }
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const size = MAX_QUERIES * TIMESTAMP_BYTES;
    this.#device = gpu.device;
    this.#queries = this.#device.createQuerySet({ type: "timestamp", count: MAX_QUERIES });
    this.#resolved = this.#device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    this.#staging = this.#device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  }

  /**
   * Runs passes in order, each after the one before has ended.
   *
   * @param check called after the submit; throws if a step has failed
   * @returns nanoseconds of each
   */
  async time(passes: readonly Encode[], check: () => void = () => {}): Promise<number[]> {
    const times: number[] = [];
    for (let at = 0; at < passes.length; at += MAX_QUERIES / 2) {
      times.push(...await this.#some(passes.slice(at, at + MAX_QUERIES / 2), check));
    }
    return times;
  }

  async #some(passes: readonly Encode[], check: () => void): Promise<number[]> {
    const size = 2 * TIMESTAMP_BYTES * passes.length, querySet = this.#queries;
    const encoder = this.#device.createCommandEncoder();
    for (const [i, encode] of passes.entries()) {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        },
      });
      encode(pass);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, 2 * passes.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    check();
    try {
      await this.#staging.mapAsync(GPUMapMode.READ, 0, size);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new DeviceError(`the GPU failed while timing kernels: ${why}`);
    }
    const stamps = new BigUint64Array(this.#staging.getMappedRange(0, size).slice(0));
    this.#staging.unmap();
    return passes.map((_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!));
  }

  /** Frees its buffers. */
  close(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#staging.destroy();
  }
}

/** Returns whether the adapter has timestamps. */
export function hasTimestamps({ device }: Gpu): boolean {
  return device.features.has("timestamp-query");
}

/** Times the steps of an executor's program. */
export class StepTimer implements Timer {
  readonly #passes: PassTimer;
  readonly #executor: GpuExecutor;

  /**
   * @param gpu the one that `executor` runs on
   * @throws DeviceError when the adapter has no timestamps
   */
  constructor(gpu: Gpu, executor: GpuExecutor) {
    this.#passes = new PassTimer(gpu);
    this.#executor = executor;
  }

  async time(steps: readonly Step[], dispatches = 1): Promise<number[]> {
    const passes = steps.map((step) => (pass: GPUComputePassEncoder) => {
      for (let i = 0; i < dispatches; i++) this.#executor.encode(pass, step);
    });
    const times = await this.#passes.time(passes, () => this.#executor.run([]));
    return times.map((ns) => ns / dispatches);
  }

  close(): void {
    this.#passes.close();
  }
}

/**
 * Times steps by the clock: repeats a step in one submit until the time of waiting, which is subtracted,
 * is small in comparison.
 */
export class ClockTimer implements Timer {
  readonly #device: GPUDevice;
  readonly #executor: GpuExecutor;

  /** @param gpu the one that `executor` runs on */
  constructor(gpu: Gpu, executor: GpuExecutor) {
    this.#device = gpu.device;
    this.#executor = executor;
  }

  async time(steps: readonly Step[], dispatches = 1): Promise<number[]> {
    const nothing = Math.min(await this.#wait(), await this.#wait()), times: number[] = [];
    for (const step of steps) {
      for (let count = dispatches;; count *= 4) {
        const time = Math.max(0, await this.#wait(step, count) - nothing);
        if (time < MIN_NS && count < MAX_DISPATCHES) continue;
        times.push(time / count);
        break;
      }
    }
    return times;
  }

  /** Returns the nanoseconds from submitting to the end of `count` dispatches. */
  async #wait(step?: Step, count = 0): Promise<number> {
    const began = performance.now(), encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < count; i++) this.#executor.encode(pass, step!);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
    this.#executor.run([]); // Throws if a step has failed.
    await this.#device.queue.onSubmittedWorkDone();
    return (performance.now() - began) * 1e6;
  }

  close(): void {}
}
