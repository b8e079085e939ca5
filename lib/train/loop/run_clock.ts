/**
 * The time that a run has taken, over its interruptions.
 *
 * @module
 */

/** Counts the seconds of a run. */
export class RunClock {
  readonly #started: number;
  /** Seconds before this process. */
  #before: number | undefined;

  /** @param now a clock in milliseconds */
  constructor(readonly now: () => number = () => performance.now()) {
    this.#started = now();
  }

  /** Seconds of this process. */
  get sessionSeconds(): number {
    return (this.now() - this.#started) / 1000;
  }

  /** Seconds of the run. */
  get seconds(): number {
    return (this.#before ?? 0) + this.sessionSeconds;
  }

  /**
   * Counts the seconds of earlier processes. Only the first call does: when a run goes back to a
   * checkpoint in this process, the time since then was taken nevertheless.
   */
  continueFrom(seconds: number): void {
    this.#before ??= seconds;
  }
}
