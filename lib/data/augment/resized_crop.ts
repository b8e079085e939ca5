/**
 * `resized_crop`: a part of the image, of random area, proportions and place, scaled to the size of
 * the data set (the crop of Szegedy et al., "Going Deeper with Convolutions", arXiv 1409.4842).
 *
 * @module
 */
import type { Draws } from "./augment_rng.ts";
import type { Augmentation, Setting } from "./image.ts";
import { type Box, resample } from "./resample.ts";

/** What a recipe says of it. */
export interface ResizedCropSpec {
  /** Least and largest share of the image's area. */
  readonly scale: readonly [least: number, largest: number];
  /** Least and largest width / height. */
  readonly ratio: readonly [least: number, largest: number];
}

/** Parts that do not fit into the image before the middle of it is taken. */
const TRIES = 10;

/**
 * The part of an image of `[h, w]`: area even within `scale`, proportions even in their logarithm
 * within `ratio`, any place. Where none fits in 10 tries, the largest in the middle whose
 * proportions are allowed.
 */
export function drawBox(h: number, w: number, spec: ResizedCropSpec, draws: Draws): Box {
  const [least, largest] = spec.ratio;
  for (let tries = 0; tries < TRIES; tries++) {
    const area = h * w * draws.between(...spec.scale);
    const ratio = Math.exp(draws.between(Math.log(least), Math.log(largest)));
    const width = Math.round(Math.sqrt(area * ratio)), height = Math.round(Math.sqrt(area / ratio));
    if (width < 1 || height < 1 || width > w || height > h) continue;
    return {
      top: draws.below(h - height + 1),
      left: draws.below(w - width + 1),
      h: height,
      w: width,
    };
  }
  const ratio = w / h;
  const height = ratio < least ? Math.max(1, Math.min(h, Math.round(w / least))) : h;
  const width = ratio > largest ? Math.max(1, Math.min(w, Math.round(h * largest))) : w;
  return { top: (h - height) >> 1, left: (w - width) >> 1, h: height, w: width };
}

/** Makes it. It takes images of any size. */
export function resizedCrop(spec: ResizedCropSpec, { shape: [h, w] }: Setting): Augmentation {
  return (image, draws) => {
    const box = drawBox(image.h, image.w, spec, draws);
    const whole = image.h === h && image.w === w && box.h === h && box.w === w;
    // A copy: what was given may lie in a cache.
    return whole ? { ...image, data: image.data.slice() } : resample(image, box, h, w);
  };
}
