/**
 * `crop`: a window of the image's own size, anywhere in the image with a black border around it.
 *
 * @module
 */
import type { Image } from "../dataset.ts";
import type { Augmentation } from "./augmentation.ts";

/**
 * The image moved up by `down` rows and left by `right` columns (negative: down and right), black
 * where there is no image. Black is a pixel of 0, as PyTorch pads before it normalizes.
 */
export function shifted({ data, h, w, c }: Image, down: number, right: number): Image {
  const out = new Uint8Array(h * w * c);
  const left = Math.max(0, -right), width = Math.min(w, w - right) - left;
  for (let row = Math.max(0, -down); row < Math.min(h, h - down) && width > 0; row++) {
    const at = ((row + down) * w + left + right) * c;
    out.set(data.subarray(at, at + width * c), (row * w + left) * c);
  }
  return { data: out, h, w, c };
}

/** Each of the (2 · padding + 1)² windows is equally likely. */
export const crop = {
  image: ({ padding }) => (image, rng) => {
    const down = rng.below(2 * padding + 1) - padding;
    const right = rng.below(2 * padding + 1) - padding;
    return down === 0 && right === 0 ? image : shifted(image, down, right);
  },
} satisfies Augmentation<"crop">;
