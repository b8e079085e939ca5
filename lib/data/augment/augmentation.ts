/**
 * What an augmentation is. Each is one file of this folder and one line in `mod.ts`; what a recipe may
 * say of it is in `lib/recipe`.
 *
 * @module
 */
import type { AugmentSpec } from "../../recipe/augment.ts";
import type { Image } from "../dataset.ts";
import type { AugmentRng } from "./augment_rng.ts";

/** The name of an augmentation in a recipe. */
export type AugmentName = AugmentSpec extends infer Spec ? Spec extends Spec ? keyof Spec : never
  : never;

/** The settings of an augmentation in a recipe. */
export type AugmentSettings<Name extends AugmentName> = Extract<
  AugmentSpec,
  Readonly<Record<Name, unknown>>
>[Name];

/** What an augmentation knows of the data set. */
export interface ImageFormat {
  /** Shape of the augmented images. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Mean of pixel / 255 per channel: the value that normalizes to 0. */
  readonly mean: readonly number[];
}

/**
 * Changes one image. It may write into what it is given, and returns that or a new image of the data
 * set's shape. All that is random comes from `rng`, the image's own stream.
 */
export type ImageAugmentation = (image: Image, rng: AugmentRng) => Image;

/**
 * Changes the images of a batch in place. An image and its label may depend on its own stream and on the
 * next image, the last one on the first: a rank reads its own images and those.
 *
 * @param images u8, `[labels.length, h, w, c]`; empty where only the labels are asked for
 * @param rngOf the stream of the image at a position of the batch
 */
export type BatchAugmentation = (
  images: Uint8Array,
  labels: Uint32Array,
  rngOf: (position: number) => AugmentRng,
) => MixedLabels;

/** The second labels of a batch whose images were mixed in pairs. */
export interface MixedLabels {
  /** For each image, the label of the one mixed into it. */
  readonly others: Uint32Array<ArrayBuffer>;
  /** For each image, the weight of its own label and pixels, 0 to 1; the others have the rest. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** One augmentation: it changes images one by one, or a batch as a whole. */
export type Augmentation<Name extends AugmentName> =
  | {
    /** Makes the function that changes an image. */
    image(settings: AugmentSettings<Name>, format: ImageFormat): ImageAugmentation;
    /** Whether it takes images of any height and width, so that those of files need no scaling. */
    readonly anySize?: true;
    /** Whether it does arithmetic on every pixel: then images in memory are worth a worker too. */
    readonly slow?: true;
  }
  | {
    /** Makes the function that changes a batch. */
    batch(settings: AugmentSettings<Name>): BatchAugmentation;
  };
