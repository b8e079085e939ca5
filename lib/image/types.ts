/**
 * Options and result of decoding, the header of an image, and the error.
 *
 * @module
 */

/** Maximum number of pixels of an image, unless the caller sets another. */
export const MAX_PIXELS = 100_000_000;

/** Options of decoding. */
export interface DecodeOptions {
  /** Channels of the result; default 3. Colour becomes grey by its luma, grey is repeated. */
  readonly channels?: 1 | 3;
  /** Maximum number of pixels that the header may declare; default 100 million. */
  readonly maxPixels?: number;
}

/** A decoded image. */
export interface DecodedImage {
  /** Columns, after the rotation that EXIF asks for. */
  readonly width: number;
  /** Rows, after that rotation. */
  readonly height: number;
  /** Channels, as requested. */
  readonly channels: 1 | 3;
  /** u8, `[height, width, channels]`, row-major. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** A warning about a file that could be decoded; without its name. */
  readonly warning?: string;
}

/** The header of an image that can be decoded. */
export interface ImageHeader {
  /** By content; the file's name does not matter. */
  readonly kind: "JPEG" | "PNG" | "WebP" | "GIF" | "BMP";
  /** Columns as stored, before any rotation. */
  readonly width: number;
  /** Rows as stored. */
  readonly height: number;
  /** Components of a pixel as stored: 1 grey, 3 colour, 4 CMYK (JPEG). */
  readonly components: number;
  /** EXIF orientation, 1 to 8; 1 where the decoder turns the image itself. */
  readonly orientation: number;
  /** Where width and height are declared, and where the compressed pixels begin, in bytes. */
  readonly sizeAt: number;
  readonly pixelsAt: number;
}

/** The warning about a file that is cut after its last pixel. */
export const END_MISSING = "the end of the file is missing; all of its pixels are there";

/** The reason why bytes cannot be decoded, and what to do; without the file's name. */
export class ImageProblem extends Error {
  /** @param offset offset in the file, in bytes; without it, where the pixels start */
  constructor(message: string, readonly offset?: number) {
    super(message);
  }

  /** Returns the message for a file of that name. */
  of(name: string, header?: { readonly pixelsAt: number }): string {
    return `${name}: byte ${this.offset ?? header?.pixelsAt ?? 0}: ${this.message}`;
  }
}
