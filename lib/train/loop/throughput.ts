/**
 * Throughput of a run: images a second, and the share of the time in which the device waited for data.
 *
 * @module
 */

/** Sums up the times of steps. */
export class Throughput {
  #steps = 0;
  #seconds = 0;
  #waited = 0;

  /** @param batch number of images of a step */
  constructor(readonly batch: number) {}

  /** Adds steps that took `seconds`; for `waited` of these the device waited for data. */
  add(steps: number, seconds: number, waited: number): void {
    this.#steps += steps;
    this.#seconds += seconds;
    this.#waited += waited;
  }

  /** Seconds of a step; 0 before the first. */
  get secondsPerStep(): number {
    return this.#seconds / Math.max(1, this.#steps);
  }

  /** Images a second; 0 before the first step. */
  get imagesPerSecond(): number {
    return this.#seconds > 0 ? this.#steps * this.batch / this.#seconds : 0;
  }

  /** Share of the time in which the device waited for data, 0–1. */
  get dataWaitShare(): number {
    return this.#seconds > 0 ? this.#waited / this.#seconds : 0;
  }
}
