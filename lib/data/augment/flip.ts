/**
 * `flip`: mirrors images from left to right, each with a probability.
 *
 * @module
 */
import type { Image } from "../dataset.ts";
import type { Augmentation } from "./augmentation.ts";

/** Mirrors an image in place. */
export function mirror({ data, h, w, c }: Image): void {
  for (let row = 0; row < h; row++) {
    const first = row * w * c, last = first + (w - 1) * c;
    for (let left = first, right = last; left < right; left += c, right -= c) {
      for (let channel = 0; channel < c; channel++) {
        const swapped = data[left + channel]!;
        data[left + channel] = data[right + channel]!;
        data[right + channel] = swapped;
      }
    }
  }
}

/** Flips each image with a probability. */
export const flip = {
  image: ({ probability }) => (image, rng) => {
    if (rng.unit() < probability) mirror(image);
    return image;
  },
} satisfies Augmentation<"flip">;
