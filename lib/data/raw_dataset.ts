/**
 * What a reader of one format hands to `open.ts`, which adds what is the same for all formats.
 *
 * @module
 */
import type { LabelledImages, Split } from "./dataset.ts";
import type { FolderSplit } from "./image_folder/split.ts";
import type { FileStamp } from "./paths/file_fingerprint.ts";

/** Where images come from. */
export interface DataFiles {
  /** A folder, or a file. */
  readonly root: string;
  readonly stamps: readonly FileStamp[];
}

/** A data set before it is normalized. Every label is below `classes`. */
export interface RawDataset {
  /** What a person calls it. */
  readonly name: string;
  /** Number of classes. */
  readonly classes: number;
  /** Shape of one image. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Training images, already cut to what the recipe asks for. */
  readonly train: LabelledImages | Split;
  /** Test images, likewise. */
  readonly test: LabelledImages | Split;
  /** Where they were found, and its files, or 500 of them, before they were read; none of glyphs. */
  readonly files?: DataFiles;
}

/** The same, of images that are read when they are asked for. */
export interface OpenedSplits extends Omit<RawDataset, "train" | "test"> {
  /** What people call the classes, by label. */
  readonly classNames: readonly string[];
  /** Training images. */
  readonly train: FolderSplit;
  /** Test images. */
  readonly test: FolderSplit;
}
