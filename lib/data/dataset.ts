/**
 * What a data set is: two splits of u8 images with a label each, and the statistics that normalize
 * them. All types are of plain values, but for the methods of a split.
 *
 * @module
 */
import type { Recipe } from "../recipe/recipe.ts";
import type { FileWarnings } from "./file_warnings.ts";
import type { DataFiles } from "./paths/file_fingerprint.ts";

/** The part of a recipe that says which data to open, and where its paths may lead. */
export type DataRecipe = Pick<Recipe, "data" | "seed" | "pathScope">;

/** The name of a split. */
export type SplitName = "train" | "test";

/** A data set for classification. Every label is below `classes`. */
export interface Dataset {
  /** The name for messages. */
  readonly name: string;
  /** Number of classes. */
  readonly classes: number;
  /** Names of the classes by label, if the data has names. */
  readonly classNames?: readonly string[];
  /** Shape of one image. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Mean of pixel / 255, per channel. */
  readonly mean: readonly number[];
  /** Standard deviation of pixel / 255, per channel; greater than 0. */
  readonly std: readonly number[];
  /** The training images. */
  readonly train: Split;
  /** The test images. */
  readonly test: Split;
  /** How the data was read, in words: which folders are splits, and how many are classes. */
  readonly layout?: string;
  /** Set if the test images were held out of the training images. */
  readonly heldOut?: boolean;
  /** What was found odd or bad in files of images, by whoever read them. */
  readonly fileWarnings?: FileWarnings;
  /** Its files, as they were before they were read. */
  readonly files?: DataFiles;
}

/** What the reader of a format returns: `open.ts` adds the statistics that normalize pixels. */
export type UnnormalizedDataset = Omit<Dataset, "mean" | "std">;

/** One split of a data set. */
export interface Split {
  /** Number of images. */
  readonly count: number;
  /** The label of each image. */
  readonly labels: Uint8Array | Uint32Array;
  /**
   * Copies the images and labels at `indices` into `images` (u8, `[indices.length, h, w, c]`,
   * unpadded, row-major) and `labels`.
   */
  read(indices: Uint32Array, images: Uint8Array, labels: Uint32Array): void | Promise<void>;
  /** What a worker reads the split from; without it, only this thread reads the split. */
  readonly source?: SplitSource;
  /**
   * Image `index` at the height and width that it is stored in, for augmentations that take images of
   * any size; absent if all images are of the data set's shape.
   */
  image?(index: number): Image | Promise<Image>;
  /** The name of image `index` for messages, such as its path. */
  nameOf?(index: number): string;
}

/** One image: u8, `[h, w, c]`, row-major, 1 to 4 channels. */
export interface Image {
  /** `h · w · c` bytes. */
  readonly data: Uint8Array;
  /** Height in pixels. */
  readonly h: number;
  /** Width in pixels. */
  readonly w: number;
  /** Channels. */
  readonly c: number;
}

/** Images in memory with their labels. */
export interface LabelledImages {
  /** u8, `[labels.length, h, w, c]`, row-major. */
  readonly images: Uint8Array;
  /** One per image. */
  readonly labels: Uint8Array | Uint32Array;
}

/** Image files with their labels. */
export interface LabelledFiles {
  /** Path of each image. */
  readonly paths: readonly string[];
  /** Label of each image. */
  readonly labels: Uint32Array;
  /** Shape that images are scaled and cropped to; c is 1 or 3. */
  readonly shape: readonly [h: number, w: number, c: number];
  /**
   * What to do about a file that cannot be decoded: fail and name the setting that goes on, fail and
   * say only why (`tell`), or take another image.
   */
  readonly onBadImage: "fail" | "tell" | "skip";
  /** When the data set was opened, in milliseconds since 1970: newer files have changed since. */
  readonly opened?: number;
  /** Decoded images, shared by all threads; absent if they take too much memory. */
  readonly cache?: ImageCache;
}

/** Decoded images, and which of them are there. Both are `SharedArrayBuffer`s. */
export interface ImageCache {
  /** u8, `[n, h, w, c]`. */
  readonly pixels: Uint8Array;
  /** For each image: 0 not there, 1 there, 2 there and of the size of its file. */
  readonly state: Uint8Array;
}

/** Where the images of a split are, as a plain value that can be sent to a worker. */
export type SplitSource =
  | ({ readonly kind: "memory" } & LabelledImages)
  | ({ readonly kind: "folder" } & LabelledFiles);
