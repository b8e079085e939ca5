/**
 * Changes the channels and the orientation of decoded pixels.
 *
 * @module
 */

/**
 * Returns the luma of an RGB pixel in integers, as Pillow and ITU-R 601-2.
 *
 * @param r 0 to 255, as are g and b
 */
export function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/**
 * Converts pixels of `from` bytes to `to` channels: colour to grey by luma, grey to colour by
 * repeating. A fourth channel is dropped.
 *
 * @returns u8, `[count, to]`; the same array if `from` equals `to`
 */
export function toChannels(
  pixels: Uint8Array<ArrayBuffer>,
  from: 1 | 3 | 4,
  to: 1 | 3,
): Uint8Array<ArrayBuffer> {
  if (from === to) return pixels;
  const count = pixels.length / from;
  const result = new Uint8Array(count * to);
  if (to === 1) {
    for (let i = 0, at = 0; i < count; i++, at += from) {
      result[i] = luma(pixels[at]!, pixels[at + 1]!, pixels[at + 2]!);
    }
  } else if (from === 1) {
    for (let i = 0, at = 0; i < count; i++) {
      const value = pixels[i]!;
      result[at++] = value;
      result[at++] = value;
      result[at++] = value;
    }
  } else {
    for (let at = 0, out = 0; out < result.length; at += 4) {
      result[out++] = pixels[at]!;
      result[out++] = pixels[at + 1]!;
      result[out++] = pixels[at + 2]!;
    }
  }
  return result;
}

/** Pixels and their size. */
export interface Plane {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** u8, `[height, width, channels]`. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/**
 * Rotates and mirrors an image as EXIF says.
 *
 * @param orientation 1 as stored; 2 mirrored; 3 rotated by 180°; 4 both; 5 to 8 with rows and columns
 * swapped: 5 only that, 6 then mirrored, 7 and 8 the same from the last row on
 */
export function orient(image: Plane, channels: number, orientation: number): Plane {
  if (orientation <= 1 || orientation > 8) return image;
  const { width, height, pixels } = image;
  const swap = orientation >= 5;
  const across = swap ? height : width, down = swap ? width : height;
  // The distance in the stored pixels of a step right and of a step down in the result.
  const right = swap ? width : 1, below = swap ? 1 : width;
  const flipX = [2, 3, 6, 7].includes(orientation), flipY = [3, 4, 7, 8].includes(orientation);
  const result = new Uint8Array(pixels.length);
  let to = 0;
  for (let y = 0; y < down; y++) {
    const row = (flipY ? down - 1 - y : y) * below;
    for (let x = 0; x < across; x++) {
      const at = (row + (flipX ? across - 1 - x : x) * right) * channels;
      for (let c = 0; c < channels; c++) result[to++] = pixels[at + c]!;
    }
  }
  return { width: across, height: down, pixels: result };
}
