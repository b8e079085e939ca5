/**
 * The course of a number as one line of blocks, for the live line of a terminal.
 *
 * @module
 */
import { largest, smallest } from "../lib/core/min_max.ts";

const BLOCKS = "▁▂▃▄▅▆▇█";
/** Means that are kept at most, and blocks. */
const MAX_MEANS = 64, MAX_BLOCKS = 24;

/** Takes the values of a run of any length and shows their course in a few blocks. */
export class Sparkline {
  /** Means of `#each` values each. */
  #means: number[] = [];
  #each = 1;
  #sum = 0;
  #count = 0;

  /** Adds a value; one that is not finite is left out. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#sum += value;
    if (++this.#count < this.#each) return;
    this.#means.push(this.#sum / this.#count);
    this.#sum = this.#count = 0;
    if (this.#means.length < MAX_MEANS) return;
    this.#means = means(this.#means, MAX_MEANS / 2);
    this.#each *= 2;
  }

  /** The course so far, in so many blocks or fewer; empty before there are two values. */
  blocks(most: number): string {
    const shown = means(this.#means, Math.min(most, MAX_BLOCKS));
    if (shown.length < 2) return "";
    const low = smallest(shown), high = largest(shown);
    const level = (x: number) => high > low ? Math.round((x - low) / (high - low) * 7) : 0;
    return shown.map((x) => BLOCKS[level(x)]).join("");
  }
}

/** The values, or the means of as many parts of them. */
function means(values: readonly number[], most: number): number[] {
  const count = Math.min(most, values.length);
  return Array.from({ length: count }, (_, i) => {
    const part = values.slice(
      Math.floor(i * values.length / count),
      Math.floor((i + 1) * values.length / count),
    );
    return part.reduce((sum, x) => sum + x, 0) / part.length;
  });
}
