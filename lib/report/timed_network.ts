/**
 * A network on a device of its own whose steps can be timed. It is opened as training opens it: weights
 * are initialized from the recipe's seed, and ranges are calibrated on images of noise.
 *
 * @module
 */
import type { CpuExecutor } from "../runtime/cpu/executor.ts";
import { type Device, type DeviceOptions, openDevice } from "../runtime/device.ts";
import type { Executor } from "../runtime/executor.ts";
import type { GpuExecutor } from "../runtime/gpu/executor.ts";
import { StepTimer, type Timer } from "../runtime/gpu/timing.ts";
import type { DataShape } from "../program/plan.ts";
import type { Program, Step } from "../program/program.ts";
import { Network } from "../train/network/network.ts";
import type { Batch } from "../data/batch.ts";
import type { PlannedRecipe } from "./static_dynamic.ts";

/** A network whose steps can be timed. */
export class TimedNetwork {
  readonly #timer: Timer;

  private constructor(
    readonly executor: Executor,
    readonly network: Network,
    timer: Timer,
  ) {
    this.#timer = timer;
  }

  /**
   * @param kind the device, and its threads or tiles
   * @throws DeviceError when there is no GPU, it has no timestamps or too little memory
   */
  static async open(
    { recipe, program }: PlannedRecipe,
    data: DataShape,
    { kind = "gpu", ...options }: DeviceOptions & { readonly kind?: Device["kind"] } = {},
  ): Promise<TimedNetwork> {
    const device = await openDevice(kind, options);
    const executor = await device.createExecutor(program);
    try {
      const timer = stepTimer(device, executor);
      const network = new Network(program, executor, recipe.seed, recipe.quantize, data);
      network.initialize();
      await network.calibrate([noise(program)]);
      return new TimedNetwork(executor, network, timer);
    } catch (error) {
      executor.close();
      throw error;
    }
  }

  /** Runs steps in order. @returns the nanoseconds of each */
  time(steps: readonly Step[]): Promise<number[]> {
    return this.#timer.time(steps);
  }

  /** Frees the device. */
  close(): void {
    this.#timer.close();
    this.executor.close();
  }
}

/**
 * Times steps by timestamps of the GPU, or by the clock of the CPU's leading thread.
 *
 * @throws DeviceError when a GPU has no timestamps
 */
export function stepTimer({ gpu }: Device, executor: Executor): Timer {
  if (gpu) return new StepTimer(gpu, executor as GpuExecutor);
  const cpu = executor as CpuExecutor;
  return { time: (steps) => cpu.time(steps), close: () => {} };
}

/** Makes a batch of noise. */
export function noise({ batch, input: [h, w, c], classes }: Program): Batch {
  const images = new Uint8Array(Math.ceil(batch * h * w * c / 4) * 4);
  return {
    images: images.map((_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24),
    labels: new Uint32Array(batch).map((_, i) => i % classes),
    samples: batch,
  };
}
