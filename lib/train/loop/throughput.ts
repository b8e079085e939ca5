/**
 * How fast a run goes: the steps that are timed, what they took, and for how long of it the device had
 * nothing to do for want of data.
 *
 * @module
 */

/** Adds up what timed steps took. */
export class Throughput {
  #steps = 0;
  #seconds = 0;
  #waited = 0;

  /** @param batch images of a step */
  constructor(readonly batch: number) {}

  /** Adds `steps` that took `seconds`, of which the device waited for data for `waited`. */
  add(steps: number, seconds: number, waited: number): void {
    this.#steps += steps;
    this.#seconds += seconds;
    this.#waited += waited;
  }

  /** Seconds of a step; 0 before any. */
  get secondsPerStep(): number {
    return this.#seconds / Math.max(1, this.#steps);
  }

  /** Images a second; 0 before any. */
  get imagesPerSecond(): number {
    return this.#seconds > 0 ? this.#steps * this.batch / this.#seconds : 0;
  }

  /** Share of the time in which the device waited for data, 0–1. */
  get dataWaitShare(): number {
    return this.#seconds > 0 ? this.#waited / this.#seconds : 0;
  }
}
