/**
 * The readers of data formats, one line each. A reader is loaded when a recipe asks for it: loading all
 * of them would add 25 ms to every start.
 *
 * @module
 */
import type { DataSpec } from "../../recipe/data.ts";
import type { DataRecipe, UnnormalizedDataset } from "../dataset.ts";

/**
 * Finds the data of a recipe and reads it, or prepares to read it.
 *
 * @param warn called with each warning about data that is usable but odd
 * @param progress called now and then with how far work is that takes long
 * @throws {DataError} when data is missing, damaged, or does not fit the recipe
 */
type Reader = (
  recipe: DataRecipe,
  warn: (text: string) => void,
  progress?: (text: string) => void,
) => UnnormalizedDataset | Promise<UnnormalizedDataset>;

/** Loads the reader of each format. What a recipe may say of it: `lib/recipe/data_formats.ts`. */
export const READERS: Readonly<Record<DataSpec["format"], () => Promise<Reader>>> = {
  glyphs: async () => (await import("./glyphs.ts")).openGlyphs,
  idx: async () => (await import("./idx.ts")).openIdx,
  cifar: async () => (await import("./cifar.ts")).openCifar,
  npz: async () => (await import("./npz.ts")).openNpz,
  folder: async () => (await import("../image_folder/image_folder.ts")).openFolder,
};
