/**
 * Devices that run programs: a GPU, or the CPU.
 *
 * @module
 */
import { DeviceError, UsageError } from "../core/errors.ts";
import type { Executor, ExecutorOptions } from "./executor.ts";
import {
  type Gpu,
  type GpuOptions,
  isSoftware,
  openGpu,
  requestAdapter,
  withDots,
} from "./gpu/device.ts";
import { GpuExecutor } from "./gpu/executor.ts";
import { chooseTiles, type Tiles } from "./gpu/autotune.ts";
import { timeoutSeconds, Watchdog } from "./gpu/watchdog.ts";
import { rememberedDots } from "./self_test/cache.ts";
import type { Program } from "../program/program.ts";
import { threadsWithin } from "./cpu/memory.ts";
import { cpuName, type CpuSupport, MAX_THREADS, threadsOf } from "./cpu/support.ts";

/** `auto`: a hardware GPU if there is one with a native driver, else the CPU. `gpu`: also a software one. */
export type DeviceChoice = "auto" | "gpu" | "cpu";

/** Options of a device. */
export interface DeviceOptions extends GpuOptions {
  /** Threads of the CPU, 1–256; by default as many as there are cores. Results do not depend on it. */
  readonly threads?: number;
  /** Tiles of the kernels; `default` by default. Other choices read, or write, a cache file. */
  readonly tiles?: Tiles;
  /** Called with each warning: `auto` uses the CPU, or timed tiles cannot be saved. */
  readonly warn?: (text: string) => void;
  /**
   * Kills the process, with a line on stderr, when the GPU has not answered for `QTRAIN_WATCHDOG`
   * seconds (60), or 20 times its longest answer so far: nothing else ends a wait for a GPU that hangs.
   * Meant for processes that only train; false by default.
   */
  readonly watchdog?: boolean;
}

/** A GPU, or the CPU. */
export interface Device {
  /** Kind of device. */
  readonly kind: "gpu" | "cpu";
  /** Name of the adapter. */
  readonly name: string;
  /**
   * Creates the buffers of a program, and the pipelines of a GPU.
   * A GPU runs one program and is closed with its executor.
   */
  createExecutor(program: Program, options?: ExecutorOptions): Promise<Executor>;
  /** The GPU; absent for the CPU, and for devices of a program that does not provide it. */
  readonly gpu?: Gpu;
  /**
   * Opens the same adapter again after it was lost; absent when only the program that opened it can.
   *
   * @throws DeviceError when the adapter is not available
   */
  reopen?(): Promise<Device>;
}

/**
 * Opens a device. Tests nothing: a GPU may compute wrong numbers. Only ways of dot products that an
 * earlier self-test of this adapter found wrong are left out, if the user's cache folder may be read.
 *
 * @throws DeviceError when the choice is `gpu` and there is no native driver; UsageError for a number of
 * threads that cannot be
 */
export async function openDevice(
  choice: DeviceChoice = "auto",
  options: DeviceOptions = {},
): Promise<Device> {
  checkThreads(options);
  if (choice === "cpu") return cpuDevice(options);
  if (choice === "auto") {
    const adapter = await requestAdapter();
    if (!adapter || isSoftware(adapter.info)) return cpuDevice(options);
  }
  try {
    return await opened(options);
  } catch (error) {
    if (choice === "gpu" || !(error instanceof DeviceError)) throw error;
    options.warn?.(`${error.message}. Using the CPU`);
    return cpuDevice(options);
  }
}

function checkThreads({ threads = 1 }: DeviceOptions): void {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return;
  throw new UsageError(
    `threads: expected a whole number from 1 to ${MAX_THREADS}, got ${threads}`,
  );
}

/**
 * Opens the CPU.
 *
 * @param support what the runtime has; tests replace it
 * @throws DeviceError when the runtime lacks SIMD, or shared memory for more than one thread
 */
export function cpuDevice({ threads: given, warn }: DeviceOptions, support?: CpuSupport): Device {
  const threads = threadsOf(given, support);
  return {
    kind: "cpu",
    name: cpuName(threads),
    createExecutor: async (program, { memory = 0 } = {}) => {
      const within = threadsWithin(program, threads, memory);
      if (within < threads) {
        warn?.(
          `memory: the limit leaves room for ${within} of ${threads} threads, so these are used`,
        );
      }
      // Its import compiles the SIMD kernels, which a runtime without SIMD cannot.
      const { CpuExecutor } = await import("./cpu/executor.ts");
      return new CpuExecutor(program, within);
    },
  };
}

/** Opens a GPU that can be opened again, without the ways of dot products that a self-test found wrong. */
async function opened(options: DeviceOptions): Promise<Device> {
  const gpu = await openGpu(options), dots = options.dots ?? (await rememberedDots(gpu))?.dots;
  return { ...gpuDevice(withDots(gpu, dots), options), reopen: () => opened(options) };
}

/** Wraps an open GPU in a device. */
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
