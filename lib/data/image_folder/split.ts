/**
 * A split whose images are files. A file is decoded when it is asked for, in whatever thread; if all of
 * the split fits into the cache, each is decoded once, and later epochs copy it.
 *
 * @module
 */
import { basename } from "node:path";
import { DataError, QtrainError } from "../../core/errors.ts";
import { withThousands } from "../../core/format.ts";
import { decodeImage } from "../../image/decode.ts";
import { conversionsOf } from "../../image/header.ts";
import { resizeAndCrop } from "../../image/resize.ts";
import type { Image, ImageCache, LabelledFiles, Split } from "../dataset.ts";
import type { FileWarnings } from "../file_warnings.ts";
import { cannotRead } from "../paths/stat.ts";

/** Reasons that an error about a whole class gives. */
const MAX_REASONS = 3;
/** A larger file is no photo. */
const MAX_FILE = 2 ** 29;

/** Memory for the decoded images of a split, if they take at most `most` bytes. */
export function imageCache(
  count: number,
  [h, w, c]: LabelledFiles["shape"],
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
 * A split of image files.
 *
 * With `onBadImage: "skip"`, a file that cannot be decoded is replaced by the next good one of its
 * class: what a run sees depends on the files alone, also when it is resumed.
 */
export class FolderSplit implements Split {
  readonly count: number;
  readonly labels: Uint32Array;
  readonly source: { readonly kind: "folder" } & LabelledFiles;
  readonly #files: LabelledFiles;
  readonly #bytes: number;
  readonly #warn: FileWarnings["add"];
  /** Images that cannot be decoded, and why. */
  readonly #bad = new Map<number, string>();

  /** @param warn called for each odd or bad file, perhaps more than once */
  constructor(files: LabelledFiles, warn: FileWarnings["add"] = () => {}) {
    const [h, w, c] = files.shape;
    this.count = files.paths.length;
    this.labels = files.labels;
    this.source = { kind: "folder", ...files };
    this.#files = files;
    this.#bytes = h * w * c;
    this.#warn = warn;
  }

  /** The path of an image. */
  nameOf(index: number): string {
    return this.#files.paths[index]!;
  }

  /** An image at the size it is stored in; the bytes are the caller's own. */
  async image(index: number): Promise<Image> {
    const { cache, shape: [h, w, c] } = this.#files, cached = this.#cached(index);
    if (cached && Atomics.load(cache!.state, index) === 2) {
      return { data: cached.slice(), h, w, c };
    }
    const image = await this.#decodeGood(index);
    if (cached && image.h === h && image.w === w) {
      cached.set(image.data);
      Atomics.store(cache!.state, index, 2);
    }
    return image;
  }

  /** Copies images, scaled and cropped to the split's shape, and their labels. */
  async read(indices: Uint32Array, images: Uint8Array, labels: Uint32Array): Promise<void> {
    const size = this.#bytes;
    if (images.length < indices.length * size || labels.length < indices.length) {
      throw new RangeError(`no room for ${indices.length} images of ${size} bytes`);
    }
    for (const [position, index] of indices.entries()) {
      if (index >= this.count) throw new RangeError(`image ${index} of ${this.count}`);
      await this.#readScaled(index, images.subarray(position * size, (position + 1) * size));
      labels[position] = this.labels[index]!;
    }
  }

  /** The memory of an image in the cache. */
  #cached(index: number): Uint8Array | undefined {
    return this.#files.cache?.pixels.subarray(index * this.#bytes, (index + 1) * this.#bytes);
  }

  async #readScaled(index: number, into: Uint8Array): Promise<void> {
    const { cache, shape: [h, w, c] } = this.#files, cached = this.#cached(index);
    if (cached && Atomics.load(cache!.state, index) > 0) return into.set(cached);
    const image = await this.#decodeGood(index);
    const stored = {
      height: image.h,
      width: image.w,
      pixels: image.data as Uint8Array<ArrayBuffer>,
    };
    const { pixels } = resizeAndCrop(stored, c, h, w);
    into.set(pixels);
    if (!cached) return;
    // Two threads may do this at once: they write the same bytes.
    cached.set(pixels);
    Atomics.store(cache!.state, index, image.h === h && image.w === w ? 2 : 1);
  }

  /** The image at `index`, or the one that replaces it. */
  async #decodeGood(index: number): Promise<Image> {
    const failed: number[] = [];
    for (const candidate of this.#candidates(index)) {
      if (this.#bad.has(candidate)) continue;
      try {
        const image = await this.#decode(candidate);
        for (const bad of failed) {
          this.#warn(
            "bad",
            this.nameOf(bad),
            `${this.#bad.get(bad)}; another image of its class takes its place`,
          );
        }
        return image;
      } catch (error) {
        const tell = this.#files.onBadImage === "tell";
        if (tell || !(error instanceof DataError)) throw error;
        if (this.#files.onBadImage === "fail") {
          throw new DataError(
            `${error.message}; or set data.on_bad_image: skip to go on without it`,
          );
        }
        this.#bad.set(candidate, error.message);
        failed.push(candidate);
      }
    }
    throw this.#classIsBad(index);
  }

  /** The error where no image of a class can be decoded: with the reason that they share, if there is one. */
  #classIsBad(index: number): DataError {
    const reasons = new Map<
      string,
      { readonly first: string; readonly remedy: string; count: number }
    >();
    for (const [bad, message] of this.#bad) {
      if (this.labels[bad] !== this.labels[index]) continue;
      const first = this.nameOf(bad);
      const [reason, remedy] = partsOf(
        message.replace(`${first}: `, "").replace(/^byte \d+: /, ""),
      );
      const found = reasons.get(reason) ?? { first, remedy, count: 0 };
      found.count++;
      reasons.set(reason, found);
    }
    const sorted = [...reasons].sort(([, a], [, b]) => b.count - a.count);
    const [[reason, { first, remedy }]] = sorted as [typeof sorted[0]];
    const count = sorted.reduce((sum, [, found]) => sum + found.count, 0);
    const expected = `${first}: expected an image of its class that can be decoded, got`;
    if (count === 1) {
      return new DataError(`${expected} only this: ${reason}; ${remedy}`);
    }
    if (sorted.length === 1) {
      const all = remedy.startsWith("convert")
        ? `convert them (${conversionsOf(first)})`
        : "get them again";
      return new DataError(
        `${expected} none of ${
          withThousands(count)
        }, for one reason: ${reason}; ${all} or remove them`,
      );
    }
    const list = sorted.slice(0, MAX_REASONS).map(([reason, { first, count }]) =>
      `${reason} (${basename(first)}${count > 1 ? ` and ${withThousands(count - 1)} more` : ""})`
    );
    if (sorted.length > MAX_REASONS) list.push("…");
    return new DataError(
      `${expected} none of ${withThousands(count)}: ${
        list.join("; ")
      }; convert or replace them, or ` +
        `remove them`,
    );
  }

  /** `index`, then the others of its class in their order, from the next one on. */
  *#candidates(index: number): Generator<number> {
    yield index;
    const label = this.labels[index];
    for (let step = 1; step < this.count; step++) {
      const other = (index + step) % this.count;
      if (this.labels[other] === label) yield other;
    }
  }

  async #decode(index: number): Promise<Image> {
    const path = this.nameOf(index), { opened, shape: [, , c] } = this.#files;
    const { bytes, modified } = await readImage(path);
    if (modified > (opened ?? Infinity)) {
      this.#warn("odd", path, `${path}: changed since the run began; the run uses the new image`);
    }
    const image = await decodeImage(bytes, path, { channels: c === 1 ? 1 : 3 });
    if (image.warning) this.#warn("odd", path, `${path}: ${image.warning}`);
    return { data: image.pixels, h: image.height, w: image.width, c };
  }
}

/** A message without its last part, and that: what to do. */
function partsOf(message: string): [reason: string, remedy: string] {
  const at = message.lastIndexOf("; ");
  return at < 0
    ? [message, "get it again or remove it"]
    : [message.slice(0, at), message.slice(at + 2)];
}

/** The bytes of an image file. @throws {DataError} when there is none, or it is too large for one */
export async function readImageFile(path: string): Promise<Uint8Array> {
  return (await readImage(path)).bytes;
}

/** The bytes of an image file, and when it was last written, in milliseconds since 1970. */
async function readImage(path: string): Promise<{ bytes: Uint8Array; modified: number }> {
  try {
    const { size, mtime, isFile, isDirectory } = await Deno.stat(path);
    if (!isFile && !isDirectory) {
      throw new DataError(`${path}: expected an image file, got a device or a pipe`);
    }
    if (size > MAX_FILE) {
      throw new DataError(
        `${path}: expected an image file of at most ${MAX_FILE / 2 ** 20} MiB, got ` +
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
    throw error instanceof QtrainError ? error : cannotRead(path, error);
  }
}
