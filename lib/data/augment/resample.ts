/**
 * Scales a part of an image, bilinear and antialiased: the filter is a triangle that reaches one
 * pixel of the coarser of the two grids to either side, as Pillow's `BILINEAR` and torchvision with
 * `antialias`.
 *
 * @module
 */
import type { Image } from "./image.ts";

/** A part of an image in pixels. */
export interface Box {
  /** First row. */
  readonly top: number;
  /** First column. */
  readonly left: number;
  /** Rows. */
  readonly h: number;
  /** Columns. */
  readonly w: number;
}

/** Which pixels of a line make one of the scaled line, and how much each counts: in sum 1. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `most` for each pixel. */
  readonly weights: Float64Array;
  readonly most: number;
}

function tapsOf(from: number, to: number): Taps {
  const scale = from / to, reach = Math.max(scale, 1);
  const most = 2 * Math.ceil(reach) + 1;
  const first = new Int32Array(to), count = new Int32Array(to);
  const weights = new Float64Array(to * most);
  for (let i = 0; i < to; i++) {
    const middle = (i + 0.5) * scale;
    const low = Math.max(0, Math.round(middle - reach));
    const high = Math.min(from, Math.round(middle + reach));
    let sum = 0;
    for (let at = low; at < high; at++) {
      const weight = Math.max(0, 1 - Math.abs((at + 0.5 - middle) / reach));
      weights[i * most + at - low] = weight;
      sum += weight;
    }
    first[i] = low;
    count[i] = high - low;
    for (let k = 0; k < high - low; k++) weights[i * most + k]! /= sum;
  }
  return { first, count, weights, most };
}

/** The part `box` of an image as `[h, w, c]`. */
export function resample(image: Image, box: Box, h: number, w: number): Image {
  const { data, c } = image;
  const across = tapsOf(box.w, w), down = tapsOf(box.h, h);
  const lines = new Float64Array(box.h * w * c);
  for (let row = 0; row < box.h; row++) {
    const line = ((box.top + row) * image.w + box.left) * c;
    for (let x = 0; x < w; x++) {
      const at = line + across.first[x]! * c, taps = across.count[x]!;
      for (let channel = 0; channel < c; channel++) {
        let sum = 0;
        for (let k = 0; k < taps; k++) {
          sum += across.weights[x * across.most + k]! * data[at + k * c + channel]!;
        }
        lines[(row * w + x) * c + channel] = sum;
      }
    }
  }
  const out = new Uint8Array(h * w * c), line = w * c;
  for (let y = 0; y < h; y++) {
    const first = down.first[y]! * line, taps = down.count[y]!;
    for (let i = 0; i < line; i++) {
      let sum = 0;
      for (let k = 0; k < taps; k++) {
        sum += down.weights[y * down.most + k]! * lines[first + k * line + i]!;
      }
      out[y * line + i] = Math.round(sum); // A mean of bytes: within 0 to 255.
    }
  }
  return { data: out, h, w, c };
}
