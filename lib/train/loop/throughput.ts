/**
 * Throughput of a run: images a second, and the share of the time in which the device waited for data.
 * Steps are timed in groups: those that are in flight together.
 *
 * @module
 */

/** Times the steps of a run. */
export class Throughput {
  /** Seconds of a step in the last group; 0 before the first one. */
  lastStepSeconds = 0;
  #steps = 0;
  #seconds = 0;
  #waited = 0;
  // Of the present group:
  #began = 0;
  #waitedForData = 0;
  #collectBegan = 0;

  /**
   * @param idleWait the executor's: the maximum seconds of a wait when all steps are done
   * @param batch number of images of a step
   */
  constructor(readonly idleWait: number, readonly batch: number) {}

  /** Begins a group of steps. */
  begin(): void {
    this.#began = performance.now();
    this.#waitedForData = 0;
  }

  /** Reads a batch while earlier steps of the group may run. */
  async waitForData(read: () => Promise<void>): Promise<void> {
    const began = performance.now();
    await read();
    this.#waitedForData += (performance.now() - began) / 1000;
  }

  /** Begins to wait for the results of the group. */
  beginCollect(): void {
    this.#collectBegan = performance.now();
  }

  /**
   * Ends a group.
   *
   * The device waited for data at most for as long as the host did: nothing shows when a device becomes
   * idle. It did not wait at all if it was still at work after the last batch was read.
   *
   * @param steps number of its steps
   * @param counted whether the group counts
   */
  end(steps: number, counted: boolean): void {
    const ended = performance.now(), seconds = (ended - this.#began) / 1000;
    this.lastStepSeconds = seconds / steps;
    if (!counted) return;
    const busy = (ended - this.#collectBegan) / 1000 > this.idleWait;
    this.#steps += steps;
    this.#seconds += seconds;
    this.#waited += busy ? 0 : this.#waitedForData;
  }

  /** Seconds of a step; 0 before the first group. */
  get secondsPerStep(): number {
    return this.#seconds / Math.max(1, this.#steps);
  }

  /** Images a second; 0 before the first group. */
  get imagesPerSecond(): number {
    return this.#seconds > 0 ? this.#steps * this.batch / this.#seconds : 0;
  }

  /** Share of the time in which the device waited for data, 0–1. */
  get dataWaitShare(): number {
    return this.#seconds > 0 ? this.#waited / this.#seconds : 0;
  }
}
