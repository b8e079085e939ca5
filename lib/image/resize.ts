/**
 * Scales images, bilinear and antialiased: the filter is a triangle that reaches one pixel of the
 * coarser of the two grids to either side. Weights have 22 bits and both passes round to bytes, so
 * the result equals that of Pillow's `BILINEAR`, and of torchvision's `Resize` on Pillow images, to
 * the bit.
 *
 * @module
 */
import type { Plane } from "./pixels.ts";

/** Bits of a weight; with 8 of the pixel, 2 of 32 are spare. */
const BITS = 22;

/** For each pixel of a scaled line: the source pixels that it is made of, and their weights. */
interface Taps {
  /** First source pixel of each. */
  readonly first: Int32Array;
  /** Number of source pixels of each. */
  readonly count: Int32Array;
  /** `stride` weights for each, which add up to about 2^22. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** Returns the taps of `length` pixels from `start` on, of a line scaled from `size` to `target`. */
function tapsOf(size: number, target: number, start: number, length: number): Taps {
  const scale = size / target, reach = Math.max(scale, 1);
  const stride = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(length), count = new Int32Array(length);
  const weights = new Int32Array(length * stride);
  const real = new Float64Array(stride);
  for (let i = 0; i < length; i++) {
    const middle = (start + i + 0.5) * scale;
    const low = Math.max(Math.trunc(middle - reach + 0.5), 0);
    const taps = Math.min(Math.trunc(middle + reach + 0.5), size) - low;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      real[k] = Math.max(1 - Math.abs((k + low - middle + 0.5) * (1 / reach)), 0);
      sum += real[k]!;
    }
    for (let k = 0; k < taps; k++) {
      weights[i * stride + k] = Math.trunc(0.5 + real[k]! / sum * (1 << BITS));
    }
    first[i] = low;
    count[i] = taps;
  }
  return { first, count, weights, stride };
}

/** The part of a scaled image that is computed. */
export interface Window {
  /** First row. */
  readonly top: number;
  /** First column. */
  readonly left: number;
  /** Rows. */
  readonly height: number;
  /** Columns. */
  readonly width: number;
}

/**
 * Scales an image to `height`×`width` and returns a part of that.
 *
 * @param image u8, `[h, w, channels]`
 * @param window all of it unless given
 */
export function resize(
  image: Plane,
  channels: number,
  height: number,
  width: number,
  window: Window = { top: 0, left: 0, height, width },
): Plane {
  const across = tapsOf(image.width, width, window.left, window.width);
  const down = tapsOf(image.height, height, window.top, window.height);
  // Only the rows that the window needs.
  const last = window.height - 1;
  const top = down.first[0]!, rows = down.first[last]! + down.count[last]! - top;
  const line = window.width * channels;
  const narrow = image.width === width
    ? rowsOf(image, channels, top, rows, window)
    : scaleRows(image, channels, top, rows, across, window.width);
  const pixels = image.height === height && rows === window.height
    ? narrow
    : scaleColumns(narrow, line, top, down, window.height);
  return { width: window.width, height: window.height, pixels };
}

function rowsOf(
  image: Plane,
  channels: number,
  top: number,
  rows: number,
  { left, width }: Window,
): Uint8Array<ArrayBuffer> {
  const line = width * channels, out = new Uint8Array(rows * line);
  for (let row = 0; row < rows; row++) {
    const from = ((top + row) * image.width + left) * channels;
    out.set(image.pixels.subarray(from, from + line), row * line);
  }
  return out;
}

function scaleRows(
  image: Plane,
  channels: number,
  top: number,
  rows: number,
  { first, count, weights, stride }: Taps,
  width: number,
): Uint8Array<ArrayBuffer> {
  const { pixels } = image, out = new Uint8Array(rows * width * channels);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    const line = (top + row) * image.width * channels;
    for (let x = 0; x < width; x++) {
      const taps = count[x]!, from = line + first[x]! * channels, at = x * stride;
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (BITS - 1);
        for (let k = 0; k < taps; k++) {
          sum += pixels[from + k * channels + c]! * weights[at + k]!;
        }
        out[to++] = Math.min(sum >> BITS, 255);
      }
    }
  }
  return out;
}

function scaleColumns(
  pixels: Uint8Array,
  line: number,
  top: number,
  { first, count, weights, stride }: Taps,
  height: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(height * line);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const taps = count[y]!, from = (first[y]! - top) * line, at = y * stride;
    for (let i = 0; i < line; i++) {
      let sum = 1 << (BITS - 1);
      for (let k = 0; k < taps; k++) sum += pixels[from + k * line + i]! * weights[at + k]!;
      out[to++] = Math.min(sum >> BITS, 255);
    }
  }
  return out;
}

/**
 * Scales an image so that it just covers `height`×`width` and crops it around the centre, as
 * torchvision's `Resize` and `CenterCrop` do: for a square, the shorter side becomes its side.
 *
 * @returns the image itself if it has that size
 */
export function resizeAndCrop(
  image: Plane,
  channels: number,
  height: number,
  width: number,
): Plane {
  if (image.height === height && image.width === width) return image;
  const byHeight = height * image.width >= width * image.height;
  const h = byHeight ? height : Math.max(height, Math.trunc(width * image.height / image.width));
  const w = byHeight ? Math.max(width, Math.trunc(height * image.width / image.height)) : width;
  const top = halfEven(h - height), left = halfEven(w - width);
  return resize(image, channels, h, w, { top, left, height, width });
}

/** Returns half of a whole number, rounded half to even. */
function halfEven(value: number): number {
  const half = Math.floor(value / 2);
  return value % 2 === 0 ? half : half + half % 2;
}
