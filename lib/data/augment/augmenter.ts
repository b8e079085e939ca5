/**
 * A recipe's list of augmentations, applied to a batch in its order.
 *
 * The random stream of each is a hash of (seed, epoch, index of the image, position in the list): an
 * image of an epoch comes out the same in a resumed run, in whatever thread and batch.
 *
 * @module
 */
import type { AugmentSpec } from "../../recipe/augment.ts";
import type { Image } from "../dataset.ts";
import type {
  BatchAugmentation,
  ImageAugmentation,
  ImageFormat,
  MixedLabels,
} from "./augmentation.ts";
import { AugmentRng } from "./augment_rng.ts";
import { augmentationOf } from "./mod.ts";

/** All that augmented images depend on, beside the images. A plain value: it can be sent to a worker. */
export interface AugmentPlan extends ImageFormat {
  /** The recipe's list. */
  readonly augment: readonly AugmentSpec[];
  /** The run's seed. */
  readonly seed: number;
}

/** Applies a list. */
export class Augmenter {
  readonly #list: readonly ({ image: ImageAugmentation } | { batch: BatchAugmentation })[];
  /** How many augmentations come before the first one of whole batches. */
  readonly #before: number;
  /** Whether the first one takes images of any size: those of files need not be scaled for it. */
  readonly anySize: boolean;

  constructor(readonly plan: AugmentPlan) {
    const list = plan.augment.map(augmentationOf);
    this.#list = list.map(({ augmentation, settings }) =>
      "image" in augmentation
        ? { image: augmentation.image(settings, plan) }
        : { batch: augmentation.batch(settings) }
    );
    const batchwise = this.#list.findIndex((augmentation) => "batch" in augmentation);
    this.#before = batchwise < 0 ? this.#list.length : batchwise;
    const first = list[0]?.augmentation;
    this.anySize = first !== undefined && "image" in first && first.anySize === true;
  }

  /** Whether the list is empty. */
  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /** How many of the images that follow it in the batch an image depends on. */
  get reach(): number {
    return this.#list.filter((augmentation) => "batch" in augmentation).length;
  }

  /**
   * Applies the list to one image, up to the first augmentation of whole batches. If
   * {@link anySize}, the image may have any height and width.
   *
   * @returns an image of the data set's shape
   */
  image(image: Image, index: number, epoch: number): Image {
    return this.#images(image, index, epoch, 0, this.#before);
  }

  /**
   * Applies the rest of the list, in place, to a batch whose images went through {@link image}.
   *
   * @param images u8, `[indices.length, h, w, c]`
   */
  batch(
    images: Uint8Array,
    labels: Uint32Array,
    indices: Uint32Array,
    epoch: number,
  ): MixedLabels | undefined {
    const [h, w, c] = this.plan.shape, size = h * w * c;
    let mixed: MixedLabels | undefined;
    for (let position = this.#before; position < this.#list.length; position++) {
      const augmentation = this.#list[position]!;
      if ("batch" in augmentation) {
        mixed = augmentation.batch(images, labels, this.#streams(indices, epoch, position));
        continue;
      }
      for (const [at, index] of indices.entries()) {
        const data = images.subarray(at * size, (at + 1) * size);
        const changed = this.#images({ data, h, w, c }, index, epoch, position, position + 1).data;
        if (changed !== data) data.set(changed);
      }
    }
    return mixed;
  }

  /** What {@link batch} returns for a batch, without its images. */
  mixedLabels(
    labels: Uint32Array,
    indices: Uint32Array,
    epoch: number,
  ): MixedLabels | undefined {
    const position = this.#list.findLastIndex((augmentation) => "batch" in augmentation);
    const augmentation = this.#list[position];
    if (!augmentation || !("batch" in augmentation)) return undefined;
    return augmentation.batch(new Uint8Array(), labels, this.#streams(indices, epoch, position));
  }

  /** The streams of an augmentation of the images of a batch, by their position in it. */
  #streams(indices: Uint32Array, epoch: number, position: number): (at: number) => AugmentRng {
    return (at) => AugmentRng.ofImage(this.plan.seed, epoch, indices[at]!, position);
  }

  #images(image: Image, index: number, epoch: number, from: number, to: number): Image {
    for (let position = from; position < to; position++) {
      const augmentation = this.#list[position]!;
      if (!("image" in augmentation)) continue;
      const rng = AugmentRng.ofImage(this.plan.seed, epoch, index, position);
      image = augmentation.image(image, rng);
    }
    return image;
  }
}
