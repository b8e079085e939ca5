/**
 * How long the device had nothing to do for want of images.
 *
 * @module
 */

/**
 * What a wait for the GPU takes at least: Deno sleeps about 10 ms. One that took clearly longer found
 * the GPU at work.
 */
const MIN_WAIT_S = 0.015;

/** A clock for one run. */
export class DataWait {
  #began = 0;
  #seconds = 0;

  constructor(readonly device: "gpu" | "cpu") {}

  /** A batch is asked for. */
  begin(): void {
    this.#began = performance.now();
  }

  /** It has come. */
  end(): void {
    this.#seconds += (performance.now() - this.#began) / 1000;
  }

  /**
   * Seconds since the last call in which batches were waited for and the device idle; at most, as
   * nobody sees when a GPU becomes idle. On a GPU nothing counts where it was still at work when the
   * last batch had come.
   *
   * @param collecting seconds that were then spent waiting for the device
   */
  since(collecting: number): number {
    const seconds = this.#seconds;
    this.#seconds = 0;
    return this.device === "gpu" && collecting > MIN_WAIT_S ? 0 : seconds;
  }
}
