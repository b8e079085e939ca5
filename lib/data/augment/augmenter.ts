/**
 * A recipe's list of augmentations, applied to a batch in its order.
 *
 * The random stream of each is a hash of (seed, epoch, index of the image, place in the list): an
 * image of an epoch comes out the same in a resumed run, in whatever thread and batch.
 *
 * @module
 */
import type { AugmentSpec } from "../../recipe/types.ts";
import { crop } from "./crop.ts";
import { cutout } from "./cutout.ts";
import { Draws } from "./augment_rng.ts";
import { flip } from "./flip.ts";
import type { Image } from "../dataset.ts";
import type { Augmentation, Setting } from "./image.ts";
import { jitter } from "./jitter.ts";
import { type Mixed, mixup, type MixupSpec } from "./mixup.ts";
import { resizedCrop } from "./resized_crop.ts";

/** What the results depend on, beside the images. A plain value: it can be sent to a worker. */
export interface AugmentPlan extends Setting {
  /** The recipe's list. */
  readonly augment: readonly AugmentSpec[];
  /** The run's seed. */
  readonly seed: number;
}

function augmentationOf(spec: AugmentSpec, setting: Setting): Augmentation | MixupSpec {
  if ("flip" in spec) return flip(spec.flip);
  if ("crop" in spec) return crop(spec.crop);
  if ("resized_crop" in spec) return resizedCrop(spec.resized_crop, setting);
  if ("color_jitter" in spec) return jitter(spec.color_jitter);
  if ("cutout" in spec) return cutout(spec.cutout, setting);
  return spec.mixup;
}

/** Applies a list. */
export class Augmenter {
  readonly #list: readonly (Augmentation | MixupSpec)[];
  /** How many come before the first that works on a batch. */
  readonly #before: number;
  /** Whether the first takes images of any size: those of files need not be scaled for it. */
  readonly anySize: boolean;

  constructor(readonly plan: AugmentPlan) {
    this.#list = plan.augment.map((spec) => augmentationOf(spec, plan));
    const batchwise = this.#list.findIndex((a) => typeof a !== "function");
    this.#before = batchwise < 0 ? this.#list.length : batchwise;
    this.anySize = plan.augment[0] !== undefined && "resized_crop" in plan.augment[0];
  }

  /** Whether nothing is to be done. */
  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /**
   * The first part of the list, for one image: up to what needs the whole batch. Where
   * {@link anySize}, the image may have any height and width.
   *
   * @returns an image of the data set's shape
   */
  image(image: Image, index: number, epoch: number): Image {
    return this.#images(image, index, epoch, 0, this.#before);
  }

  /**
   * The rest of the list, in place, for a batch whose images went through {@link image}.
   *
   * @param images u8, `[indices.length, h, w, c]`
   */
  batch(
    images: Uint8Array,
    labels: Uint32Array,
    indices: Uint32Array,
    epoch: number,
  ): Mixed | undefined {
    const [h, w, c] = this.plan.shape, size = h * w * c, { seed } = this.plan;
    let mixed: Mixed | undefined;
    for (let place = this.#before; place < this.#list.length; place++) {
      const augmentation = this.#list[place]!;
      if (typeof augmentation !== "function") {
        mixed = mixup(
          images,
          labels,
          augmentation,
          (at) => Draws.ofImage(seed, epoch, indices[at]!, place),
        );
        continue;
      }
      for (const [at, index] of indices.entries()) {
        const data = images.subarray(at * size, (at + 1) * size);
        const changed = this.#images({ data, h, w, c }, index, epoch, place, place + 1).data;
        if (changed !== data) data.set(changed);
      }
    }
    return mixed;
  }

  #images(image: Image, index: number, epoch: number, from: number, to: number): Image {
    for (let place = from; place < to; place++) {
      const augmentation = this.#list[place] as Augmentation;
      image = augmentation(image, Draws.ofImage(this.plan.seed, epoch, index, place));
    }
    return image;
  }
}
