/**
 * How long steps take on the device: a pass of its own for each, with a timestamp at its start and
 * at its end. No time of the host is in it, and no overlap of one step with the next. Where there
 * are no timestamps, the clock has to do.
 *
 * @module
 */
import { DeviceError } from "../../core/errors.ts";
import type { Step } from "../../program/program.ts";
import type { Gpu } from "./device.ts";
import type { GpuExecutor } from "./executor.ts";

/** Timestamps that a set of queries may hold. */
const MAX_QUERIES = 4096;
/** Bytes of a timestamp. */
const STAMP = 8;

/** Nanoseconds that the clock measures at least, beside a wait that varies by a millisecond or two. */
const LONG = 20e6;
/** Dispatches that the clock measures together, at most. */
const MAX_DISPATCHES = 1024;

/** Times steps of an executor, with timestamps or by the clock. */
export interface Timer {
  /** Runs steps in order, each after the one before has ended. @returns nanoseconds of each */
  time(steps: readonly Step[]): Promise<number[]>;
  /** Frees its buffers; the executor stays. */
  close(): void;
}

/** The better timer that an adapter has. */
export function timerOf(gpu: Gpu, executor: GpuExecutor): Timer {
  return gpu.device.features.has("timestamp-query")
    ? new StepTimer(gpu, executor)
    : new ClockTimer(gpu, executor);
}

/** Writes the work of one pass. */
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
        `expected timestamp-query, a feature of WebGPU that times kernels; this adapter ` +
          `(${gpu.name}) has none`,
      );
    }
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const size = MAX_QUERIES * STAMP;
    this.#device = gpu.device;
    this.#queries = this.#device.createQuerySet({ type: "timestamp", count: MAX_QUERIES });
    this.#resolved = this.#device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    this.#staging = this.#device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  }

  /**
   * Runs passes in order, each after the one before has ended.
   *
   * @param check called behind the submit: throws what has failed
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
    const size = 2 * STAMP * passes.length, querySet = this.#queries;
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
      throw new DeviceError(`the GPU failed while it was measured: ${why}`);
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

/** Whether passes can be timed. */
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

  time(steps: readonly Step[]): Promise<number[]> {
    const passes = steps.map((step) => (pass: GPUComputePassEncoder) =>
      this.#executor.encode(pass, step)
    );
    return this.#passes.time(passes, () => this.#executor.run([]));
  }

  close(): void {
    this.#passes.close();
  }
}

/**
 * Times steps by the clock: a step so often in one submit that waiting for it, which is taken off, weighs
 * little.
 */
export class ClockTimer implements Timer {
  readonly #device: GPUDevice;
  readonly #executor: GpuExecutor;

  /** @param gpu the one that `executor` runs on */
  constructor(gpu: Gpu, executor: GpuExecutor) {
    this.#device = gpu.device;
    this.#executor = executor;
  }

  async time(steps: readonly Step[]): Promise<number[]> {
    const nothing = Math.min(await this.#wait(), await this.#wait()), times: number[] = [];
    for (const step of steps) {
      for (let count = 1;; count *= 4) {
        const time = Math.max(0, await this.#wait(step, count) - nothing);
        if (time < LONG && count < MAX_DISPATCHES) continue;
        times.push(time / count);
        break;
      }
    }
    return times;
  }

  /** Nanoseconds from submitting to the end of `count` dispatches. */
  async #wait(step?: Step, count = 0): Promise<number> {
    const began = performance.now(), encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < count; i++) this.#executor.encode(pass, step!);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
    this.#executor.run([]); // Throws what has failed.
    await this.#device.queue.onSubmittedWorkDone();
    return (performance.now() - began) * 1e6;
  }

  close(): void {}
}
