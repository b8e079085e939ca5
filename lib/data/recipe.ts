/**
 * The part of a recipe that names data, as this folder needs it.
 *
 * @module
 */

import { PATH_SCOPE, withFence } from "../recipe/path_scope.ts";
import type { PathScoped } from "./paths/path_policy.ts";

/** Which data to open. 0 means "take it from the data" in every field where 0 makes no sense. */
export interface DataRecipe extends PathScoped {
  /** Who makes or reads the images. */
  readonly format: "glyphs" | "idx" | "cifar" | "npz" | "folder";
  /** Folder of the files, or with `npz` the file; not used by `glyphs`. */
  readonly root: string;
  /** Number of classes; 0: ten glyphs, as CIFAR is published, or the highest label + 1. */
  readonly classes: number;
  /**
   * Height and width in pixels, or one number for both; 0: as the data has it, glyphs 28, folders
   * 224.
   */
  readonly size: readonly [h: number, w: number] | number;
  /** Channels; 0: as the data has it, folders 3. */
  readonly channels: number;
  /** The first so many training images; 0: all, glyphs 10,000. */
  readonly train: number;
  /** The first so many test images; 0: all, glyphs 2,000. */
  readonly test: number;
  /**
   * Of pixel / 255, one for all channels (alone or in a list) or one for each; 0: of the training
   * images.
   */
  readonly mean: number | readonly number[];
  /** Of pixel / 255, as `mean`; greater than 0 in a list. */
  readonly std: number | readonly number[];
  /** `folder`: share of each class held out for the test where it has no split; 0.1 when left out. */
  readonly holdout?: number;
  /** `folder`: what to do about a file that cannot be decoded; `fail` when left out. */
  readonly on_bad_image?: "fail" | "skip";
  /** What glyphs are drawn from, and what is held out; 1 when left out. */
  readonly seed?: number;
}

/** What a whole recipe says of its data. */
export function dataOf(
  { data, seed }: { readonly data: DataRecipe; readonly seed: number },
): DataRecipe {
  return withFence({ ...data, seed }, data[PATH_SCOPE]);
}

/** Height and width that a recipe asks for, or undefined where the data decides. */
export function wantedSize(size: DataRecipe["size"]): readonly [h: number, w: number] | undefined {
  const [h, w] = typeof size === "number" ? [size, size] : size;
  return h === 0 && w === 0 ? undefined : [h, w];
}
