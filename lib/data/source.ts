/**
 * Where the images of a split are, as a plain value: a worker that it is sent to reads them itself.
 *
 * @module
 */
import type { Dataset } from "./dataset.ts";
import type { FolderSource } from "./image_folder/split.ts";

/** Images that lie in memory. */
export interface MemorySource {
  /** Which source. */
  readonly kind: "memory";
  /** u8, `[labels.length, h, w, c]`, row-major. */
  readonly images: Uint8Array;
  /** One per image. */
  readonly labels: Uint8Array | Uint32Array;
}

/** Images of a split. */
export type SplitSource = MemorySource | FolderSource;

/** Both splits, as far as a worker can read them. */
export interface SplitSources {
  readonly train: SplitSource;
  readonly test: SplitSource;
}

/** The sources of a data set, in memory that threads share; undefined where it has none. */
export function shareSources({ train, test }: Dataset): SplitSources | undefined {
  return train.source && test.source
    ? { train: shared(train.source), test: shared(test.source) }
    : undefined;
}

/** Sending would copy what lies in memory to every worker; this copies it once. */
function shared(source: SplitSource): SplitSource {
  if (source.kind !== "memory" || source.images.buffer instanceof SharedArrayBuffer) return source;
  const images = new Uint8Array(new SharedArrayBuffer(source.images.length));
  images.set(source.images);
  return { ...source, images };
}
