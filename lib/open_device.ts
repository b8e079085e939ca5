/**
 * Chooses where a program runs.
 *
 * @module
 */
import { DeviceError } from "./errors.ts";
import type { Executor } from "./executor.ts";
import { type Gpu, type GpuOptions, openGpu } from "./gpu/device.ts";
import { type ExecutorOptions, GpuExecutor } from "./gpu/executor.ts";
import { chooseTiles, type Tiles } from "./gpu/tuning.ts";
import type { Program } from "./program.ts";
import { CpuExecutor } from "./cpu/executor.ts";

/** `auto`: the GPU where there is a native driver, else the CPU. */
export type DeviceChoice = "auto" | "gpu" | "cpu";

/** How to open a device. */
export interface DeviceOptions extends GpuOptions {
  /** Which tiles kernels run with: `default` by default. Other choices read, or write, a cache file. */
  readonly tiles?: Tiles;
  /** Hears of it when `auto` falls back to the CPU, and when timed tiles cannot be remembered. */
  readonly warn?: (text: string) => void;
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
    return gpuDevice(await openGpu(options), options);
  } catch (error) {
    if (choice === "gpu" || !(error instanceof DeviceError)) throw error;
    options.warn?.(`${error.message}. Using the CPU, which is slow`);
    return cpu;
  }
}

const cpu: Device = {
  kind: "cpu",
  name: "CPU (reference kernels)",
  createExecutor: (program) => Promise.resolve(new CpuExecutor(program.buffers, program.layout)),
};

/** A GPU that is open, as a device: for who needs both. */
export function gpuDevice(gpu: Gpu, { tiles = "default", warn }: DeviceOptions = {}): Device {
  return {
    kind: "gpu",
    name: gpu.name,
    createExecutor: (program, options) =>
      GpuExecutor.create(gpu, program, options, chooseTiles(gpu, tiles, warn)),
  };
}
