/**
 * Times steps on the CPU: repeats a step in one job until the time of a job without steps, which is
 * subtracted, is small in comparison. A repeated step finds in caches what fits there.
 *
 * @module
 */
import type { Step } from "../../program/program.ts";
import type { Executor } from "../executor.ts";
import type { Timer } from "../gpu/timing.ts";

/** Minimum milliseconds to measure; a job without steps takes 0.06. */
const MIN_MS = 2;
/** Maximum repetitions of a step in a job. */
const MAX_REPETITIONS = 1024;
/** Jobs without steps that are timed; the fastest counts. */
const EMPTY_JOBS = 5;

/** Times steps of an executor by the clock. */
export class RepeatTimer implements Timer {
  readonly #repetitions = new Map<Step, number>();

  constructor(readonly executor: Executor) {}

  async time(steps: readonly Step[]): Promise<number[]> {
    await this.executor.ready(steps);
    let empty = Infinity;
    for (let i = 0; i < EMPTY_JOBS; i++) empty = Math.min(empty, await this.#run([]));
    const times: number[] = [];
    for (const step of steps) {
      for (let count = this.#repetitions.get(step) ?? 1;;) {
        const ms = Math.max(0, await this.#run(Array<Step>(count).fill(step)) - empty);
        if (ms >= MIN_MS || count === MAX_REPETITIONS) {
          this.#repetitions.set(step, count);
          times.push(ms / count * 1e6);
          break;
        }
        // A few more than needed, as the first run was the slowest.
        const needed = Math.ceil(1.2 * count * MIN_MS / Math.max(ms, MIN_MS / 10));
        count = Math.min(MAX_REPETITIONS, Math.max(count + 1, needed));
      }
    }
    return times;
  }

  /** Returns the milliseconds of a job. */
  async #run(steps: readonly Step[]): Promise<number> {
    const began = performance.now();
    await this.executor.run(steps, [], ["metrics"])();
    return performance.now() - began;
  }

  /** The executor stays. */
  close(): void {}
}
