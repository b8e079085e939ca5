/**
 * How long steps take on the device: a pass of its own for each, with a timestamp at its start and
 * at its end. No time of the host is in it, and no overlap of one step with the next.
 *
 * @module
 */
import { DeviceError } from "../errors.ts";
import type { Step } from "../program.ts";
import type { Gpu } from "./device.ts";
import type { GpuExecutor } from "./executor.ts";

/** Timestamps that a set of queries may hold. */
const MOST_QUERIES = 4096;
/** Bytes of a timestamp. */
const STAMP = 8;

/** Times the steps of an executor's program. */
export class StepTimer {
  readonly #device: GPUDevice;
  readonly #executor: GpuExecutor;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  /**
   * @param gpu the one that `executor` runs on
   * @throws DeviceError when the adapter has no timestamps
   */
  constructor(gpu: Gpu, executor: GpuExecutor) {
    if (!gpu.device.features.has("timestamp-query")) {
      throw new DeviceError(
        `expected timestamp-query, a feature of WebGPU that times kernels; this adapter ` +
          `(${gpu.name}) has none`,
      );
    }
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const size = MOST_QUERIES * STAMP;
    this.#device = gpu.device;
    this.#executor = executor;
    this.#queries = this.#device.createQuerySet({ type: "timestamp", count: MOST_QUERIES });
    this.#resolved = this.#device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    this.#staging = this.#device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  }

  /** Runs steps in order, each after the one before has ended. @returns nanoseconds of each */
  async time(steps: readonly Step[]): Promise<number[]> {
    const times: number[] = [];
    for (let at = 0; at < steps.length; at += MOST_QUERIES / 2) {
      times.push(...await this.#some(steps.slice(at, at + MOST_QUERIES / 2)));
    }
    return times;
  }

  async #some(steps: readonly Step[]): Promise<number[]> {
    const size = 2 * STAMP * steps.length, querySet = this.#queries;
    const encoder = this.#device.createCommandEncoder();
    for (const [i, step] of steps.entries()) {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        },
      });
      this.#executor.encode(pass, step);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, 2 * steps.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    this.#executor.run([]); // Throws what has failed.
    try {
      await this.#staging.mapAsync(GPUMapMode.READ, 0, size);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new DeviceError(`the GPU failed while it was measured: ${why}`);
    }
    const stamps = new BigUint64Array(this.#staging.getMappedRange(0, size).slice(0));
    this.#staging.unmap();
    return steps.map((_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!));
  }

  /** Frees its buffers; the executor stays. */
  close(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#staging.destroy();
  }
}
