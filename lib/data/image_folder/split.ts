/**
 * A split whose images are files, decoded when they are asked for, in whatever thread. What was
 * decoded once is kept, where all of the split fits: later epochs are copies.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { decodeImage } from "../../image/decode.ts";
import { resizeAndCrop } from "../../image/resize.ts";
import type { Split } from "../dataset.ts";
import { unreadable } from "../paths/stat.ts";

/** Files of a split. A plain value: a worker that it is sent to reads them itself. */
export interface FolderSource {
  /** Which source. */
  readonly kind: "folder";
  /** Path of each image. */
  readonly paths: readonly string[];
  /** Class of each image. */
  readonly labels: Uint32Array;
  /** What images are scaled and cut to; c is 1 or 3. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** What to do about a file that cannot be decoded. */
  readonly onBadImage: "fail" | "skip";
  /** When the data set was opened, in milliseconds since 1970: what is newer has changed since. */
  readonly opened?: number;
  /** Where decoded images are kept, shared by all threads; absent: they are not. */
  readonly cache?: ImageCache;
}

/** Decoded images, and which of them are there. Both are `SharedArrayBuffer`s. */
export interface ImageCache {
  /** u8, `[n, h, w, c]`. */
  readonly pixels: Uint8Array;
  /** For each: 0 not there, 1 there, 2 there and as large as its file has it. */
  readonly state: Uint8Array;
}

/** An image of any size: u8, `[h, w, c]`, row-major. */
export interface StoredImage {
  /** `h · w · c` bytes. */
  readonly data: Uint8Array;
  /** Height in pixels. */
  readonly h: number;
  /** Width in pixels. */
  readonly w: number;
  /** Channels. */
  readonly c: number;
}

/** A split of files. */
export interface FolderSplit extends Split {
  /** Class of each image. */
  readonly labels: Uint32Array;
  /** What a worker needs to read the split by itself. */
  readonly source: FolderSource;
  /** Decoded at the size it is stored in; the bytes are the caller's own. */
  image(index: number): Promise<StoredImage>;
  /** Path of image `index`. */
  place(index: number): string;
}

/** More than this many warnings of one split help nobody. */
const MAX_WARNINGS = 10;
/** A larger file is no photo. */
const MAX_FILE = 2 ** 29;

/** Room for the decoded images of a split, where they take at most `most` bytes. */
export function imageCache(
  count: number,
  [h, w, c]: FolderSource["shape"],
  most: number,
): ImageCache | undefined {
  const bytes = count * h * w * c;
  if (bytes > most) return undefined;
  // The system gives memory page by page, when it is first written.
  return {
    pixels: new Uint8Array(new SharedArrayBuffer(bytes)),
    state: new Uint8Array(new SharedArrayBuffer(count)),
  };
}

/**
 * Opens a split. Nothing is read before it is asked for.
 *
 * With `onBadImage: "skip"`, the place of a file that cannot be decoded is taken by the next good one
 * of its class: what a run sees depends on the files alone, also when it is resumed.
 *
 * @param options `warn` gets a line for each odd or bad file, ten at most
 */
export function folderSplit(
  source: FolderSource,
  options: { warn?: ((text: string) => void) | undefined } = {},
): FolderSplit {
  const { paths, labels, shape: [h, w, c], onBadImage, cache } = source;
  const size = h * w * c;
  const warned = new Set<string>();
  const bad = new Set<number>();

  function warn(path: string, text: string): void {
    if (warned.has(path)) return;
    warned.add(path);
    if (warned.size <= MAX_WARNINGS) options.warn?.(text);
    if (warned.size === MAX_WARNINGS) {
      options.warn?.("more files like these are not named");
    }
  }

  async function decode(index: number): Promise<StoredImage> {
    const path = paths[index]!;
    const { bytes, modified } = await readImage(path);
    if (modified > (source.opened ?? Infinity)) {
      warn(path, `${path}: written again since the run began, which goes on with the new one`);
    }
    const image = await decodeImage(bytes, path, { channels: c === 1 ? 1 : 3 });
    if (image.warning) warn(path, `${path}: ${image.warning}`);
    return { data: image.pixels, h: image.height, w: image.width, c };
  }

  /** The image at `index`, or the one that takes its place. */
  async function good(index: number): Promise<StoredImage> {
    for (const tried of candidates(index)) {
      if (bad.has(tried)) continue;
      try {
        return await decode(tried);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        if (onBadImage === "fail") {
          throw new DataError(
            `${error.message}; or set data.on_bad_image: skip to go on without it`,
          );
        }
        bad.add(tried);
        warn(paths[tried]!, `${error.message}; another image of its class takes its place`);
      }
    }
    throw new DataError(
      `${paths[index]}: expected this image or another of its class to be decoded, found that ` +
        `none of them in this split can be; get them again, or take them out`,
    );
  }

  /** `index`, then the others of its class in their order, from the next one on. */
  function* candidates(index: number): Generator<number> {
    yield index;
    const label = labels[index];
    for (let step = 1; step < paths.length; step++) {
      const other = (index + step) % paths.length;
      if (labels[other] === label) yield other;
    }
  }

  async function scaled(index: number, into: Uint8Array): Promise<void> {
    const kept = cache?.pixels.subarray(index * size, (index + 1) * size);
    if (kept && Atomics.load(cache!.state, index) > 0) return into.set(kept);
    const image = await good(index);
    const whole = image.h === h && image.w === w;
    const plane = {
      height: image.h,
      width: image.w,
      pixels: image.data as Uint8Array<ArrayBuffer>,
    };
    const { pixels } = resizeAndCrop(plane, c, h, w);
    into.set(pixels);
    if (!kept) return;
    // Two threads may do this at once: they write the same bytes.
    kept.set(pixels);
    Atomics.store(cache!.state, index, whole ? 2 : 1);
  }

  return {
    count: paths.length,
    labels,
    source,
    place: (index) => paths[index]!,
    async image(index) {
      if (cache && Atomics.load(cache.state, index) === 2) {
        return { data: cache.pixels.slice(index * size, (index + 1) * size), h, w, c };
      }
      const image = await good(index);
      if (cache && image.h === h && image.w === w) {
        cache.pixels.set(image.data, index * size);
        Atomics.store(cache.state, index, 2);
      }
      return image;
    },
    async read(indices, images, into) {
      if (images.length < indices.length * size || into.length < indices.length) {
        throw new RangeError(`no room for ${indices.length} images of ${size} bytes`);
      }
      for (const [place, index] of indices.entries()) {
        if (index >= paths.length) throw new RangeError(`image ${index} of ${paths.length}`);
        await scaled(index, images.subarray(place * size, (place + 1) * size));
        into[place] = labels[index]!;
      }
    },
  };
}

/** The bytes of an image file. @throws {DataError} when there is none, or it is too large for one */
export async function readImageFile(path: string): Promise<Uint8Array> {
  return (await readImage(path)).bytes;
}

/** The same, and when it was written, in milliseconds since 1970. */
async function readImage(path: string): Promise<{ bytes: Uint8Array; modified: number }> {
  try {
    const { size, mtime, isFile, isDirectory } = await Deno.stat(path);
    if (!isFile && !isDirectory) {
      throw new DataError(`${path}: expected an image file, found a device or a pipe`);
    }
    if (size > MAX_FILE) {
      throw new DataError(
        `${path}: expected an image file of at most ${MAX_FILE / 2 ** 20} MiB, found ` +
          `${Math.round(size / 2 ** 20)}; take it out`,
      );
    }
    return { bytes: await Deno.readFile(path), modified: mtime?.getTime() ?? 0 };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new DataError(
        `${path}: expected an image file, found nothing there; put it back, or correct the path`,
      );
    }
    throw error instanceof DataError ? error : unreadable(path, error);
  }
}
