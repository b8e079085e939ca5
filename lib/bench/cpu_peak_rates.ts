/**
 * Measures the CPU's peak rates: products in registers in int8 and in f32, and a copy, in some threads
 * at once. The share that a kernel reaches shows how much is left to gain.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import type { PeakJob } from "./peak_worker.ts";
import { type PeakRates, spread } from "./report.ts";

/** What is measured. */
type Loop = PeakJob["loop"];
const LOOPS: readonly Loop[] = ["int8", "float32", "copy"];

/** Bytes that all threads copy together: more than the last-level cache of most machines. */
const COPIED = 64 * 2 ** 20;
/** Turns of a call: short calls (0.04 ms), as optimized code is used from a call's start only. */
const TURNS: Readonly<Record<Loop, number>> = { int8: 10_000, float32: 10_000, copy: 1 };
/** Milliseconds in which V8 optimizes a loop: 56 GOP/s in place of 6. */
const WARM_MS = 150;
/** Minimum milliseconds of a pass, of which messages take 0.06; they are subtracted. */
const MIN_MS = 4;
/** Repetitions to measure the time of messages alone. */
const EMPTY_PASSES = 5;
/** Minimum number of rounds, as the best one counts. */
const MIN_ROUNDS = 10;

/** Threads that run the loops of peak rates. */
export class PeakThreads {
  readonly #workers: readonly Worker[];
  /** Bytes that a thread copies. */
  readonly #bytes: number;
  readonly #calls: Record<Loop, number> = { int8: 1, float32: 1, copy: 1 };
  /** Milliseconds of a pass without calls. */
  #empty = 0;

  private constructor(readonly threads: number) {
    this.#bytes = Math.floor(COPIED / threads / 64) * 64;
    this.#workers = Array.from({ length: threads }, () =>
      // Named so that deno compile and bundlers see it.
      new Worker(new URL("./peak_worker.ts", import.meta.url), { type: "module" }));
  }

  /**
   * Starts threads and runs each loop until it is optimized.
   *
   * @throws DeviceError when a thread fails
   */
  static async open(threads: number): Promise<PeakThreads> {
    const opened = new PeakThreads(threads);
    try {
      for (const loop of LOOPS) {
        for (const began = performance.now(); performance.now() - began < WARM_MS;) {
          await opened.rate(loop);
        }
      }
      let empty = Infinity;
      for (let i = 0; i < EMPTY_PASSES; i++) empty = Math.min(empty, await opened.#run("int8", 0));
      opened.#empty = empty;
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  /** Measures a loop for some milliseconds. @returns 10⁹ operations or bytes a second of all threads */
  async rate(loop: Loop): Promise<number> {
    // A turn is 12 instructions on 8 pairs of int8, or on 4 numbers; or reads and writes each byte.
    const turn = { int8: 12 * 16, float32: 12 * 8, copy: 2 * this.#bytes }[loop];
    for (;; this.#calls[loop] *= 2) {
      const calls = this.#calls[loop], ms = await this.#run(loop, calls) - this.#empty;
      if (ms >= MIN_MS) return this.threads * calls * TURNS[loop] * turn / ms / 1e6;
    }
  }

  /** Runs a loop in all threads. @returns milliseconds until the last has ended */
  async #run(loop: Loop, calls: number): Promise<number> {
    const job: PeakJob = { loop, calls, turns: TURNS[loop], bytes: this.#bytes };
    const began = performance.now();
    await Promise.all(this.#workers.map((worker) =>
      new Promise<void>((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new DeviceError(`a thread that measures peak rates failed: ${event.message}`));
        };
        worker.postMessage(job);
      })
    ));
    return performance.now() - began;
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

/** Measures the peak rates of some threads, in turns with those of others. */
export async function measureCpuPeakRates(
  pools: readonly PeakThreads[],
  rounds: number,
): Promise<PeakRates[]> {
  const rates = pools.map(() => ({ int8: [], float32: [], copy: [] } as Record<Loop, number[]>));
  for (let round = 0; round < Math.max(rounds, MIN_ROUNDS); round++) {
    for (const [i, pool] of pools.entries()) {
      for (const loop of LOOPS) rates[i]![loop].push(await pool.rate(loop));
    }
  }
  return rates.map(({ int8, float32, copy }) => ({
    int8: spread(int8),
    float32: spread(float32),
    copy: spread(copy),
  }));
}
