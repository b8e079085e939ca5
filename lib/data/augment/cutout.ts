/**
 * `cutout`: a square of the image loses its content (DeVries & Taylor, "Improved Regularization of
 * Convolutional Neural Networks with Cutout", arXiv 1708.04552).
 *
 * @module
 */
import type { Image } from "../dataset.ts";
import type { Augmentation, Setting } from "./image.ts";

/** What a recipe says of it. */
export interface CutoutSpec {
  /** Side of the square in pixels. */
  readonly size: number;
}

/** Fills rows `top` to `bottom` − 1 and columns `left` to `right` − 1, as far as there are such. */
export function fill(
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
 * Makes it. The middle of the square is any pixel, so that a part of it may lie outside; it is
 * filled with what normalizes to 0, as in the paper: the mean colour.
 */
export function cutout({ size }: CutoutSpec, { mean, shape: [, , c] }: Setting): Augmentation {
  const colour = Array.from({ length: c }, (_, channel) => {
    return Math.min(255, Math.max(0, Math.round(255 * (mean[channel] ?? mean[0]!))));
  });
  return (image, draws) => {
    const top = draws.below(image.h) - (size >> 1), left = draws.below(image.w) - (size >> 1);
    fill(image, [top, left, top + size, left + size], colour);
    return image;
  };
}
