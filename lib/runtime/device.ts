/**
 * Chooses where a program runs.
 *
 * @module
 */
import { DeviceError, DeviceMemoryError } from "../core/errors.ts";
import type { Executor } from "./executor.ts";
import { type Gpu, type GpuOptions, openGpu } from "./gpu/device.ts";
import { type ExecutorOptions, GpuExecutor } from "./gpu/executor.ts";
import { chooseTiles, type Tiles } from "./gpu/autotune.ts";
import { timeoutSeconds, Watchdog } from "./gpu/watchdog.ts";
import type { Program } from "../program/program.ts";
import { CpuExecutor } from "./cpu/executor.ts";

/** `auto`: the GPU where there is a native driver, else the CPU. */
export type DeviceChoice = "auto" | "gpu" | "cpu";

/** How to open a device. */
export interface DeviceOptions extends GpuOptions {
  /** Which tiles kernels run with: `default` by default. Other choices read, or write, a cache file. */
  readonly tiles?: Tiles;
  /** Hears of it when `auto` falls back to the CPU, and when timed tiles cannot be remembered. */
  readonly warn?: (text: string) => void;
  /**
   * Kills the process, with a line on stderr, when the GPU has not answered for `QTRAIN_WATCHDOG`
   * seconds (60), or for 20 times as long as it ever took: a wait for a GPU that hangs cannot be
   * ended otherwise. For programs that do nothing else; false by default.
   */
  readonly watchdog?: boolean;
}

/** A GPU, or the CPU with its reference kernels. */
export interface Device {
  /** Which. */
  readonly kind: "gpu" | "cpu";
  /** The adapter in words. */
  readonly name: string;
  /**
   * Makes buffers and pipelines for a program; with `lazily`, pipelines when `ready` asks for them. A
   * GPU serves one program and is closed with it.
   */
  createExecutor(program: Program, options?: ExecutorOptions): Promise<Executor>;
  /** What it is, for who needs to know; absent for the CPU, and where who opened it does not say. */
  readonly gpu?: Gpu;
  /**
   * Opens the same adapter again after it was lost; absent where that is up to who opened it.
   *
   * @throws DeviceError when it does not come back
   */
  reopen?(): Promise<Device>;
}

/**
 * Opens a device.
 *
 * @throws DeviceError when `gpu` is asked for and there is no native driver
 */
export async function openDevice(
  choice: DeviceChoice = "auto",
  options: DeviceOptions = {},
): Promise<Device> {
  if (choice === "cpu") return cpu;
  try {
    return await opened(options);
  } catch (error) {
    if (choice === "gpu" || !(error instanceof DeviceError)) throw error;
    options.warn?.(`${error.message}. Using the CPU, which is slow`);
    return cpu;
  }
}

const cpu: Device = {
  kind: "cpu",
  name: "CPU (reference kernels)",
  // deno-lint-ignore require-await -- a promise that is rejected, in place of an error that is thrown
  createExecutor: async (program) => {
    try {
      return new CpuExecutor(program.buffers, program.layout);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // Array buffer allocation failed
      throw new DeviceMemoryError(
        "out of memory: the network and its batch do not fit; use a smaller batch, smaller images " +
          "or a narrower network",
      );
    }
  },
};

/** Opens a GPU that can be opened again. */
async function opened(options: DeviceOptions): Promise<Device> {
  return { ...gpuDevice(await openGpu(options), options), reopen: () => opened(options) };
}

/** A GPU that is open, as a device: for who needs both. */
export function gpuDevice(
  gpu: Gpu,
  { tiles = "default", warn, watchdog = false }: DeviceOptions = {},
): Device {
  return {
    kind: "gpu",
    name: gpu.name,
    gpu,
    createExecutor: (program, options) => {
      const seconds = watchdog ? timeoutSeconds() : 0;
      const watch = seconds > 0 ? Watchdog.start(seconds, gpu.name) : undefined;
      return GpuExecutor.create(gpu, program, options, chooseTiles(gpu, tiles, warn), watch);
    },
  };
}
