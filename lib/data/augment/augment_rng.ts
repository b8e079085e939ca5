/**
 * The random numbers of one augmentation of one image, in the order in which they are asked for.
 *
 * @module
 */
import { draw, key, PURPOSE, scaleTo } from "../counter_rng.ts";

/** A random stream that depends on its key alone: any thread draws the same numbers from it. */
export class AugmentRng {
  #counter = 0;

  constructor(readonly key: number) {}

  /**
   * The stream of an augmentation.
   *
   * @param index of the image in its split
   * @param position of the augmentation in the recipe's list
   */
  static ofImage(seed: number, epoch: number, index: number, position: number): AugmentRng {
    return new AugmentRng(key(PURPOSE.augment, seed, epoch, index, position));
  }

  /** A number from 0 to 1, 1 left out; 32 random bits. */
  unit(): number {
    return draw(this.key, this.#counter++) / 2 ** 32;
  }

  /** A number from `low` to `high`, each as likely. */
  between(low: number, high: number): number {
    return low + this.unit() * (high - low);
  }

  /** A whole number from 0 to `below` − 1, each as likely. */
  below(below: number): number {
    return scaleTo(draw(this.key, this.#counter++), below);
  }
}
