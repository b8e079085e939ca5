/**
 * Images from a NumPy array of bytes, and which of its dimensions holds the channels.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { NpyArray } from "./npy.ts";
import { shapeText } from "./npy_labels.ts";
import { toChannelsLast } from "./channels_last.ts";
import type { DataSpec } from "../../recipe/data.ts";

/** How the images of an array are stored. */
interface ImageLayout {
  /** Shape of one image. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Whether the array is `[n, c, h, w]`. */
  readonly planes: boolean;
}

/** Maximum number of channels of an image. */
const MAX_CHANNELS = 4;

/**
 * Finds out how images are stored.
 *
 * `[n, h, w]` has one channel. Of four dimensions, the last holds the channels where it is at most
 * 4 (`[n, h, w, c]`), the second where that is (`[n, c, h, w]`). Where both are, the images being 4
 * pixels high or wide, the recipe's `size` and `channels` decide; otherwise the array is refused.
 *
 * @throws {DataError} when the array holds no u8 images, or images that do not fit the recipe
 */
export function imageLayout(
  { location: file, type, dims, header }: NpyArray,
  recipe: Pick<DataSpec, "size" | "channels">,
): ImageLayout {
  const place = `${file}: byte ${header}`;
  if (!/^[<>|=]?u1$/.test(type)) throw wrongType(place, type);
  const found = shapeText(dims);
  const layouts = possible(dims);
  if (layouts.length === 0) {
    throw new DataError(
      `${place}: expected images [n, h, w], [n, h, w, c] or [n, c, h, w] with at most ` +
        `${MAX_CHANNELS} channels and no dimension 0, got ${found}; reshape the array`,
    );
  }
  const size = recipe.size[0] > 0 ? recipe.size : undefined;
  const fitting = layouts.filter(({ shape: [h, w, c] }) =>
    (!size || (h === size[0] && w === size[1])) && (!recipe.channels || c === recipe.channels)
  );
  if (fitting.length === 1) return fitting[0]!;
  if (fitting.length > 1) {
    throw new DataError(
      `${place}: it is unclear which dimension of ` +
        `${found} holds the channels; give data.size and data.channels, or save larger images`,
    );
  }
  const sizeFits = layouts.some(({ shape: [h, w] }) => !size || (h === size[0] && w === size[1]));
  const sizes = unique(layouts.map(({ shape: [h, w] }) => `${h}×${w}`));
  if (size && !sizeFits) {
    throw new DataError(
      `data.size: expected ${sizes}, as in ${file}, got ${size.join("×")}; ` +
        `correct it or leave it out`,
    );
  }
  throw new DataError(
    `data.channels: expected ${unique(layouts.map(({ shape }) => `${shape[2]}`))}, as in ` +
      `${file}, got ${recipe.channels}; correct it or leave it out`,
  );
}

/** The images as `[n, h, w, c]`: a view of the file if it stores them so. */
export function npyImages({ body, dims }: NpyArray, { shape, planes }: ImageLayout): Uint8Array {
  const [h, w, c] = shape;
  if (!planes || c === 1) return body;
  const size = h * w * c;
  const images = new Uint8Array(body.length);
  for (let at = 0; at < dims[0]! * size; at += size) {
    toChannelsLast(body.subarray(at, at + size), c, images.subarray(at, at + size));
  }
  return images;
}

function possible(dims: readonly number[]): ImageLayout[] {
  if (dims.includes(0)) return [];
  const [, a, b, c] = dims as [number, number, number, number];
  if (dims.length === 3) return [{ shape: [a, b, 1], planes: false }];
  if (dims.length !== 4) return [];
  const layouts: ImageLayout[] = [];
  if (c <= MAX_CHANNELS) layouts.push({ shape: [a, b, c], planes: false });
  if (a <= MAX_CHANNELS) layouts.push({ shape: [b, c, a], planes: true });
  return layouts;
}

function wrongType(place: string, type: string): DataError {
  const remedy = /f\d+$/.test(type)
    ? `save (x * 255).round().astype("uint8") where they go from 0 to 1, ` +
      `x.round().astype("uint8") where they go to 255; data.mean and data.std normalize them`
    : `save x.astype("uint8"), with pixels from 0 to 255`;
  return new DataError(`${place}: expected images of type uint8, got ${type}; ${remedy}`);
}

function unique(words: readonly string[]): string {
  return [...new Set(words)].join(" or ");
}
