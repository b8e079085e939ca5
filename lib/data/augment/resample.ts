/**
 * A part of an image at another size.
 *
 * @module
 */
import { resize } from "../../image/resize.ts";
import type { Image } from "../dataset.ts";

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

/**
 * The part `box` of an image as `[h, w, c]`, bilinear and antialiased; a new image, which sees no
 * pixel outside of the box.
 */
export function resample(image: Image, box: Box, h: number, w: number): Image {
  const { data, c } = image, line = box.w * c;
  const pixels = new Uint8Array(box.h * line);
  for (let row = 0; row < box.h; row++) {
    const at = ((box.top + row) * image.w + box.left) * c;
    pixels.set(data.subarray(at, at + line), row * line);
  }
  return { data: resize({ height: box.h, width: box.w, pixels }, c, h, w).pixels, h, w, c };
}
