/**
 * `cutout`: a square of the image is blanked (DeVries & Taylor, "Improved Regularization of
 * Convolutional Neural Networks with Cutout", arXiv 1708.04552).
 *
 * @module
 */
import type { Image } from "../dataset.ts";
import type { Augmentation } from "./augmentation.ts";

/** Fills rows `top` to `bottom` − 1 and columns `left` to `right` − 1, as far as they are inside. */
function fill(
  { data, h, w, c }: Image,
  [top, left, bottom, right]: readonly [number, number, number, number],
  colour: readonly number[],
): void {
  for (let row = Math.max(0, top); row < Math.min(h, bottom); row++) {
    for (let column = Math.max(0, left); column < Math.min(w, right); column++) {
      const at = (row * w + column) * c;
      for (let channel = 0; channel < c; channel++) data[at + channel] = colour[channel]!;
    }
  }
}

/**
 * The middle of the square is any pixel, so that part of the square may be outside; it is filled with
 * the mean colour, which normalizes to 0, as in the paper.
 */
export const cutout = {
  image({ size }, { mean, shape: [, , c] }) {
    const colour = Array.from({ length: c }, (_, channel) => {
      return Math.min(255, Math.max(0, Math.round(255 * (mean[channel] ?? mean[0]!))));
    });
    return (image, rng) => {
      const top = rng.below(image.h) - (size >> 1), left = rng.below(image.w) - (size >> 1);
      fill(image, [top, left, top + size, left + size], colour);
      return image;
    };
  },
} satisfies Augmentation<"cutout">;
