/**
 * What decoding takes and gives.
 *
 * @module
 */

/** Images of more pixels than this are refused unless the caller says otherwise. */
export const MAX_PIXELS = 100_000_000;

/** How an image is decoded. */
export interface DecodeOptions {
  /** Channels of the result, 3 unless given: colour is made grey by its luma, grey is repeated. */
  readonly channels?: 1 | 3;
  /** An image whose header declares more pixels than this is refused; 100 million unless given. */
  readonly maxPixels?: number;
}

/** An image as pixels. */
export interface DecodedImage {
  /** Columns, as it is looked at: after what EXIF says about its orientation. */
  readonly width: number;
  /** Rows, likewise. */
  readonly height: number;
  /** As asked for. */
  readonly channels: 1 | 3;
  /** u8, `[height, width, channels]`, row-major. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** What is odd about the file, although it could be decoded; without its name. */
  readonly warning?: string;
}

/** Why bytes cannot be decoded: "expected …, found …; what to do", without the name of the file. */
export class ImageProblem extends Error {
  /** @param offset where in the file, in bytes; left out: among the pixels */
  constructor(message: string, readonly offset?: number) {
    super(message);
  }

  /** The message for a file of that name. */
  of(name: string, header?: { readonly pixelsAt: number }): string {
    return `${name}: byte ${this.offset ?? header?.pixelsAt ?? 0}: ${this.message}`;
  }
}
