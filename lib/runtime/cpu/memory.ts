/**
 * Limits on the memory of the CPU executor, and its allocation.
 *
 * @module
 */
import { DeviceError, DeviceMemoryError } from "../../core/errors.ts";
import { bytes as text } from "../../core/format.ts";
import { cpuMemory, PAGE_BYTES, type Planned } from "../../program/memory/cpu_memory.ts";

/** Maximum pages of a 32-bit memory: 4 GiB. */
const MAX_PAGES = 65536;

const REMEDY = "Use a smaller batch, smaller images or a narrower network";

/** Says that more than a 32-bit memory is needed; `undefined` if it is not. */
export function tooLarge(bytes: number): string | undefined {
  if (bytes <= MAX_PAGES * PAGE_BYTES) return undefined;
  return `the network and its batch need ${
    (bytes / 2 ** 30).toFixed(1)
  } GiB, and the CPU executor ` +
    `has at most 4 GiB. ${REMEDY}`;
}

/**
 * Returns the largest number of threads, up to `threads`, whose memory keeps the recipe's limit.
 *
 * @param limit bytes; 0: no limit
 * @throws DeviceError when one thread exceeds it
 */
export function threadsWithin(program: Planned, threads: number, limit: number): number {
  const fits = (n: number) => cpuMemory(program, n).total <= limit;
  if (limit === 0 || fits(threads)) return threads;
  const { shared, thread, total } = cpuMemory(program, 1);
  if (total > limit) {
    throw new DeviceError(
      `memory: the CPU executor needs ${text(total)} with one thread (buffers ${text(shared)}, ` +
        `scratch ${text(thread)}), ${text(total - limit)} more than the ${text(limit)} allowed. ` +
        "Allow more, or use a smaller batch",
    );
  }
  let most = Math.min(threads - 1, Math.floor((limit - shared) / Math.max(1, thread)));
  while (!fits(most)) most--;
  return most;
}

/**
 * Allocates the memory. One that is not shared cannot be sent to a thread, which then allocates its own.
 *
 * @throws DeviceMemoryError when it does not fit
 */
export function allocate(bytes: number, shared: boolean): WebAssembly.Memory {
  const problem = tooLarge(bytes);
  if (problem !== undefined) throw new DeviceMemoryError(problem, MAX_PAGES * PAGE_BYTES);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DeviceMemoryError(
      `out of memory: the network and its batch do not fit. ${REMEDY}`,
    );
  }
}
