/**
 * Decodes JPEG and PNG files, on the main thread or in a worker. The kind follows from the content.
 * The header is read first, so that nothing is allocated for an image that will be refused.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { decodeByBitmap } from "./bitmap.ts";
import { readHeader } from "./header.ts";
import { decodeJpeg } from "./jpeg.ts";
import { countScans } from "./jpeg_header.ts";
import { orient, type Plane, toChannels } from "./pixels.ts";
import { decodePng } from "./png.ts";
import {
  type DecodedImage,
  type DecodeOptions,
  type ImageHeader,
  ImageProblem,
  MAX_PIXELS,
} from "./types.ts";

/** Maximum of pixels times scans, seconds of work: 200 scans of 100 megapixels. Photos have a dozen. */
const MAX_WORK = 2e10;

export type { DecodedImage, DecodeOptions } from "./types.ts";

/**
 * Decodes an image and rotates it as EXIF says. Transparency is dropped; 16 bits a channel become 8.
 *
 * @param bytes the whole file
 * @param name the file's name in messages: its path
 * @throws {DataError} with the name, when the file is not an image, is damaged, or is too large
 */
export async function decodeImage(
  bytes: Uint8Array,
  name: string,
  options: DecodeOptions = {},
): Promise<DecodedImage> {
  const { channels = 3 } = options;
  let header: ImageHeader | undefined;
  try {
    header = imageHeader(bytes, options.maxPixels ?? MAX_PIXELS);
    const { plane, stored, warning } = await decodeStored(bytes, header);
    const { width, height, pixels } = orient(
      { ...plane, pixels: toChannels(plane.pixels, stored, channels) },
      channels,
      header.kind === "JPEG" && header.components === 4 ? 1 : header.orientation,
    );
    const odd = warning ?? misnamed(name, header.kind);
    return { width, height, channels, pixels, ...(odd ? { warning: odd } : {}) };
  } catch (error) {
    if (error instanceof ImageProblem) throw new DataError(error.of(name, header));
    if (error instanceof RangeError) {
      throw new DataError(
        `${name}: not enough memory to decode the image (${error.message}); make it smaller or remove it`,
      );
    }
    throw error;
  }
}

/**
 * Returns the size of an image from its header, after the rotation that EXIF asks for.
 *
 * @throws {DataError} with the name, when the file is not an image or is too large
 */
export function imageSize(
  bytes: Uint8Array,
  name: string,
  maxPixels = MAX_PIXELS,
): { width: number; height: number } {
  try {
    const { width, height, orientation } = imageHeader(bytes, maxPixels);
    return orientation >= 5 ? { width: height, height: width } : { width, height };
  } catch (error) {
    throw error instanceof ImageProblem ? new DataError(error.of(name)) : error;
  }
}

function imageHeader(bytes: Uint8Array, maxPixels: number): ImageHeader {
  const header = readHeader(bytes);
  const { width, height, sizeAt } = header;
  if (width === 0 || height === 0) {
    throw new ImageProblem(
      `expected an image with pixels, got ${width}×${height} in its header; get the file again`,
      sizeAt,
    );
  }
  if (width * height > maxPixels) {
    throw new ImageProblem(
      `expected an image of at most ${maxPixels.toLocaleString("en")} pixels, got ` +
        `${width}×${height} in its header; make it smaller or remove it`,
      sizeAt,
    );
  }
  return header;
}

interface StoredImage {
  readonly plane: Plane;
  /** Bytes of a pixel. */
  readonly stored: 1 | 3 | 4;
  readonly warning: string | undefined;
}

async function decodeStored(bytes: Uint8Array, header: ImageHeader): Promise<StoredImage> {
  const { kind, width, height, components, sizeAt } = header;
  if (kind === "PNG") {
    const { pixels, channels } = decodePng(bytes);
    return { plane: { width, height, pixels }, stored: channels, warning: undefined };
  }
  // Each 8×8 block takes at least a bit: a header that declares more is damaged, and decoders fill up.
  if (width * height > bytes.length * 512) {
    throw new ImageProblem(
      `the header declares ${width}×${height} pixels, too many for a file of ${bytes.length} bytes; ` +
        `get the file again`,
      sizeAt,
    );
  }
  const scans = countScans(bytes);
  if (scans * width * height > MAX_WORK) {
    throw new ImageProblem(
      `${scans} scans of ${width}×${height} pixels would take minutes to decode; remove the file`,
    );
  }
  if (components === 4) {
    const { rgb, ...size } = await decodeByBitmap(bytes);
    return { plane: { ...size, pixels: rgb }, stored: 3, warning: undefined };
  }
  const { rgba, warning } = await decodeJpeg(bytes, width * height);
  const pixels = new Uint8Array(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  if (pixels.length !== width * height * 4) {
    throw new ImageProblem(
      `the header declares ${width}×${height} pixels, decoding gave ${pixels.length / 4}; ` +
        `get the file again`,
      sizeAt,
    );
  }
  return { plane: { width, height, pixels }, stored: 4, warning };
}

/** Returns a warning when the file's extension is that of the other kind. */
function misnamed(name: string, kind: ImageHeader["kind"]): string | undefined {
  const ending = /\.(jpe?g|png)$/i.exec(name)?.[1]?.toLowerCase();
  if (!ending || (ending === "png") === (kind === "PNG")) return undefined;
  return `a ${kind} image, despite its extension`;
}
