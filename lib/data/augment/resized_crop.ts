/**
 * `resized_crop`: a part of the image, of random area, proportions and place, scaled to the size of
 * the data set (the crop of Szegedy et al., "Going Deeper with Convolutions", arXiv 1409.4842).
 *
 * @module
 */
import type { AugmentRng } from "./augment_rng.ts";
import type { Augmentation, AugmentSettings } from "./augmentation.ts";
import { type Box, resample } from "./resample.ts";

/** Maximum number of boxes drawn until one fits into the image. */
const MAX_TRIES = 10;

/**
 * The part of an image of `[h, w]`: area even within `scale`, proportions even in their logarithm
 * within `ratio`, any place. Where none fits in 10 tries, the largest in the middle whose
 * proportions are allowed.
 */
export function drawBox(
  h: number,
  w: number,
  spec: AugmentSettings<"resized_crop">,
  rng: AugmentRng,
): Box {
  const [least, largest] = spec.ratio;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const area = h * w * rng.between(...spec.scale);
    const ratio = Math.exp(rng.between(Math.log(least), Math.log(largest)));
    const width = Math.round(Math.sqrt(area * ratio)), height = Math.round(Math.sqrt(area / ratio));
    if (width < 1 || height < 1 || width > w || height > h) continue;
    return {
      top: rng.below(h - height + 1),
      left: rng.below(w - width + 1),
      h: height,
      w: width,
    };
  }
  const ratio = w / h;
  const height = ratio < least ? Math.max(1, Math.min(h, Math.round(w / least))) : h;
  const width = ratio > largest ? Math.max(1, Math.min(w, Math.round(h * largest))) : w;
  return { top: (h - height) >> 1, left: (w - width) >> 1, h: height, w: width };
}

/** Crops and scales every image. */
export const resizedCrop = {
  anySize: true,
  slow: true,
  image: (settings, { shape: [h, w] }) => (image, rng) => {
    const box = drawBox(image.h, image.w, settings, rng);
    const whole = image.h === h && image.w === w && box.h === h && box.w === w;
    // A copy: the image given may be in a cache.
    return whole ? { ...image, data: image.data.slice() } : resample(image, box, h, w);
  },
} satisfies Augmentation<"resized_crop">;
