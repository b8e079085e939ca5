/**
 * What the CPU executor needs of the runtime, and how many threads it can have.
 *
 * @module
 */
import { cpus } from "node:os";
import { DeviceError } from "../../core/errors.ts";

/**
 * Maximum number of threads: more cores than a machine with one memory has, and each thread costs a
 * runtime of its own (8 MB), so a larger number is a mistake.
 */
export const MAX_THREADS = 256;

/** What a runtime has; tests replace it. */
export interface CpuSupport {
  /** Whether WebAssembly has 128-bit vectors. V8 has them on processors with SSE4.1 or NEON. */
  readonly simd: boolean;
  /** Whether threads can share memory. */
  readonly sharedMemory: boolean;
  readonly cores: number;
}

/** A module whose only function returns i8x16.popcnt(i8x16.splat(0)). */
const SIMD_MODULE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0],
  ...[10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

/** Returns what this runtime has. */
export function cpuSupport(): CpuSupport {
  return {
    simd: WebAssembly.validate(SIMD_MODULE),
    sharedMemory: typeof SharedArrayBuffer === "function",
    cores: navigator.hardwareConcurrency,
  };
}

/**
 * Returns the number of threads of the CPU executor: the given one, or one for each core; without shared
 * memory, 1.
 *
 * @throws DeviceError when the runtime lacks SIMD, or shared memory for more than one thread
 */
export function threadsOf(
  given: number | undefined,
  { simd, sharedMemory, cores }: CpuSupport = cpuSupport(),
): number {
  if (!simd) {
    throw new DeviceError(
      "this runtime has no WebAssembly SIMD, which the CPU executor needs: expected a processor with " +
        "SSE4.1 or NEON. Use --device gpu",
    );
  }
  if (sharedMemory) return given ?? Math.min(cores, MAX_THREADS);
  if (given === undefined || given === 1) return 1;
  throw new DeviceError(
    `this runtime has no SharedArrayBuffer, which ${given} threads need: expected --threads 1`,
  );
}

/** Returns the name of the CPU as a device. */
export function cpuName(threads: number): string {
  return `CPU (WASM SIMD, ${threads === 1 ? "1 thread" : `${threads} threads`})`;
}

/**
 * Returns the processor's name; empty without the permission `--allow-sys=cpus`, or where it is not known.
 * (Deno gives `/proc/cpuinfo` only to programs with all permissions.)
 */
export function processorName(): string {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "cpus" });
  return state === "granted" ? cpus()[0]?.model.trim() ?? "" : "";
}
