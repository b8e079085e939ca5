/**
 * Opens what a worker was sent; in a file of its own, as it loads the decoders of images.
 *
 * @module
 */
import { memorySplit, type Split } from "./dataset.ts";
import { folderSplit } from "./image_folder/split.ts";
import type { SplitSource } from "./source.ts";

/**
 * A split that reads `source`.
 *
 * @param warn hears of files that are odd or left out
 */
export function openSource(source: SplitSource, warn: (text: string) => void = () => {}): Split {
  return source.kind === "memory" ? memorySplit(source) : folderSplit(source, { warn });
}
