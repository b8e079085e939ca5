/**
 * When a checkpoint is due within an epoch. Time decides when, never what is in it.
 *
 * @module
 */

/** A clock for one run. */
export class CheckpointTimer {
  #last = performance.now();

  /** @param minutes between two checkpoints; 0: never due */
  constructor(readonly minutes: number) {}

  /** Whether the last checkpoint, or the beginning, is so long ago. */
  get due(): boolean {
    return this.minutes > 0 && performance.now() - this.#last >= this.minutes * 60_000;
  }

  /** A checkpoint has been written. */
  saved(): void {
    this.#last = performance.now();
  }
}
