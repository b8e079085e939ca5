/**
 * Opens a split from a description of where its images are, in any thread.
 *
 * @module
 */
import type { Split, SplitSource } from "./dataset.ts";
import type { FileWarnings } from "./file_warnings.ts";
import { FolderSplit } from "./image_folder/split.ts";
import { memorySplit } from "./in_memory.ts";

/** @param warn called with each warning about an image */
export function openSplit(source: SplitSource, warn?: FileWarnings["add"]): Split {
  return source.kind === "memory" ? memorySplit(source) : new FolderSplit(source, warn);
}
