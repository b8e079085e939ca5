/**
 * What augmentations pass on from one to the next.
 *
 * @module
 */
import type { Image } from "../dataset.ts";
import type { Draws } from "./augment_rng.ts";

/**
 * Changes one image. It may write into what it is given, and returns that or a new image of
 * `[h, w, c]` as the data set has it. All that is random comes from `draws`, a stream of this image's
 * own.
 */
export type Augmentation = (image: Image, draws: Draws) => Image;

/** What an augmentation knows of the data set. */
export interface Setting {
  /** Shape of the images that leave the list. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Per channel, of pixel / 255: what normalizes to 0. */
  readonly mean: readonly number[];
}
