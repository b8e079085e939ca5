/**
 * What is done to decoded pixels before anybody sees them: channels, and which way up.
 *
 * @module
 */

/**
 * Luma of an RGB pixel in integers, as Pillow and ITU-R 601-2 have it.
 *
 * @param r 0 to 255, as g and b
 */
export function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/**
 * Takes `to` channels out of pixels of `from` bytes: of four, the fourth is dropped.
 *
 * @returns u8, `[count, to]`; the same array where nothing is to do
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

/** Pixels with their size. */
export interface Plane {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** u8, `[height, width, channels]`. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/**
 * Turns an image as EXIF says.
 *
 * @param orientation 1 as stored; 2 mirrored; 3 turned by 180°; 4 both; 5 to 8 with rows and columns
 * exchanged: 5 only that, 6 then mirrored, 7 and 8 likewise from the last row on
 */
export function orient(image: Plane, channels: number, orientation: number): Plane {
  if (orientation <= 1 || orientation > 8) return image;
  const { width, height, pixels } = image;
  const swap = orientation >= 5;
  const across = swap ? height : width, down = swap ? width : height;
  // Where a step right and a step down in the result lead in what is stored.
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
