/**
 * Points of a curve that may have any number of them: some, evenly spaced, and the last one.
 *
 * @module
 */

/** Collects points by step. */
export class Points<P extends { readonly step: number }> {
  #kept: P[] = [];
  #last: P | undefined;
  #count = 0;
  /** One of so many points is kept. */
  #stride = 1;
  /** Whether a step came after a later one, or twice. */
  mixed = false;

  /** @param max points that are kept */
  constructor(readonly max: number) {}

  add(point: P): void {
    if (this.#last && point.step <= this.#last.step) this.mixed = true;
    this.#last = point;
    if (this.#count++ % this.#stride !== 0) return;
    this.#kept.push(point);
    if (this.#kept.length <= this.max) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }

  /** The points by step, each step once: the last that came. */
  list(): readonly P[] {
    const all = this.#last && this.#kept.at(-1) !== this.#last
      ? [...this.#kept, this.#last]
      : this.#kept.slice();
    if (!this.mixed) return all;
    return [...new Map(all.map((point) => [point.step, point])).values()]
      .sort((a, b) => a.step - b.step);
  }
}
