/**
 * `flip`: left and right change places, in a probability of the images.
 *
 * @module
 */
import type { Image } from "../dataset.ts";
import type { Augmentation } from "./image.ts";

/** What a recipe says of it. */
export interface FlipSpec {
  /** Of the images, 0 to 1. */
  readonly probability: number;
}

/** Mirrors an image in place. */
export function mirror({ data, h, w, c }: Image): void {
  for (let row = 0; row < h; row++) {
    const first = row * w * c, last = first + (w - 1) * c;
    for (let left = first, right = last; left < right; left += c, right -= c) {
      for (let channel = 0; channel < c; channel++) {
        const held = data[left + channel]!;
        data[left + channel] = data[right + channel]!;
        data[right + channel] = held;
      }
    }
  }
}

/** Makes it. */
export function flip({ probability }: FlipSpec): Augmentation {
  return (image, draws) => {
    if (draws.unit() < probability) mirror(image);
    return image;
  };
}
