/**
 * A network on its own GPU device whose steps can be timed. It is opened as training opens it: weights
 * are initialized from the recipe's seed, and ranges are calibrated on images of noise.
 *
 * @module
 */
import { openGpu } from "../runtime/gpu/device.ts";
import type { GpuExecutor } from "../runtime/gpu/executor.ts";
import { StepTimer } from "../runtime/gpu/timing.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { DataShape } from "../program/plan.ts";
import { gpuDevice } from "../runtime/device.ts";
import type { Program, Step } from "../program/program.ts";
import { Network } from "../train/network/network.ts";
import type { Batch } from "../data/batch.ts";
import type { PlannedRecipe } from "./static_dynamic.ts";

/** A network whose steps can be timed. */
export class TimedNetwork {
  readonly #timer: StepTimer;

  private constructor(
    readonly executor: GpuExecutor,
    readonly network: Network,
    timer: StepTimer,
  ) {
    this.#timer = timer;
  }

  /** @throws DeviceError when there is no GPU, it has no timestamps or too little memory */
  static async open(
    { recipe, program }: PlannedRecipe,
    data: DataShape,
    tiles: Tiles = "default",
  ): Promise<TimedNetwork> {
    const gpu = await openGpu();
    const executor = await gpuDevice(gpu, { tiles }).createExecutor(program) as GpuExecutor;
    try {
      const timer = new StepTimer(gpu, executor);
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

/** Makes a batch of noise. */
export function noise({ batch, input: [h, w, c], classes }: Program): Batch {
  const images = new Uint8Array(Math.ceil(batch * h * w * c / 4) * 4);
  return {
    images: images.map((_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24),
    labels: new Uint32Array(batch).map((_, i) => i % classes),
    samples: batch,
  };
}
