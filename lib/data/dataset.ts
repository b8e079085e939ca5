/**
 * What training sees of a data set: two splits of u8 images with a label each, and the numbers
 * that normalize them. Where images come from, and whether they are in memory, is the reader's
 * business.
 *
 * @module
 */
import type { Image } from "./augment/image.ts";
import type { DataFiles } from "./raw_dataset.ts";
import type { SplitSource } from "./source.ts";

/** One split: in memory now, streamed later. */
export interface Split {
  /** Number of images. */
  readonly count: number;
  /**
   * Copies the images and labels at `indices` into `images` (u8, `[indices.length, h, w, c]`,
   * unpadded, row-major) and `labels`.
   */
  read(indices: Uint32Array, images: Uint8Array, labels: Uint32Array): void | Promise<void>;
  /** The label of every image. */
  readonly labels: Uint8Array | Uint32Array;
  /** What a worker needs to read the split by itself; without it, only this thread reads it. */
  readonly source?: SplitSource;
  /**
   * Image `index` as it is stored, of any height and width: where it is there, augmentations that
   * take any size get this one.
   */
  image?(index: number): Image | Promise<Image>;
  /** What a person calls image `index`, where it has a name. */
  place?(index: number): string;
}

/** A data set for classification. Every label is below `classes`. */
export interface Dataset {
  /** What a person calls it. */
  readonly name: string;
  /** Number of classes. */
  readonly classes: number;
  /** What people call the classes, by label, where the data says. */
  readonly classNames?: readonly string[];
  /** Shape of one image. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Per channel, of pixel / 255. */
  readonly mean: readonly number[];
  /** Per channel, of pixel / 255; greater than 0. */
  readonly std: readonly number[];
  /** What the weights learn from. */
  readonly train: Split;
  /** What accuracy is measured on. */
  readonly test: Split;
  /** Where it was found, and how its files were before they were read. */
  readonly files?: DataFiles;
}

/** Images and their labels, as a reader of a format hands them over. */
export interface LabelledImages {
  /** u8, `[labels.length, h, w, c]`, row-major. */
  readonly images: Uint8Array;
  /** One per image. */
  readonly labels: Uint8Array | Uint32Array;
}

/**
 * A split that lies in memory. The arrays are kept, not copied.
 *
 * @throws {RangeError} when the images are not a whole number of bytes per label
 */
export function memorySplit({ images, labels }: LabelledImages): Split {
  const count = labels.length;
  const size = images.length / count;
  if (count === 0 || !Number.isInteger(size)) {
    throw new RangeError(`${images.length} bytes of images do not divide among ${count} labels`);
  }
  return {
    count,
    labels,
    source: { kind: "memory", images, labels },
    read(indices, intoImages, intoLabels) {
      if (intoImages.length < indices.length * size || intoLabels.length < indices.length) {
        throw new RangeError(`no room for ${indices.length} images of ${size} bytes`);
      }
      for (const [place, index] of indices.entries()) {
        if (index >= count) throw new RangeError(`image ${index} of a split of ${count}`);
        intoImages.set(images.subarray(index * size, (index + 1) * size), place * size);
        intoLabels[place] = labels[index]!;
      }
    },
  };
}

/** Mean and standard deviation of pixel / 255 per channel, from exact integer sums. */
export function pixelStatistics(
  images: Uint8Array,
  channels: number,
): { mean: number[]; std: number[] } {
  const mean: number[] = [];
  const std: number[] = [];
  const pixels = images.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    // Exact: 2^53 / 255² is more pixels than an array can hold.
    let sum = 0;
    let squares = 0;
    for (let at = channel; at < images.length; at += channels) {
      const value = images[at]!;
      sum += value;
      squares += value * value;
    }
    const average = sum / pixels;
    mean.push(average / 255);
    std.push(Math.sqrt(Math.max(squares / pixels - average * average, 0)) / 255);
  }
  return { mean, std };
}
