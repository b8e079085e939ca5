/**
 * From the bytes of a JPEG or PNG file to pixels, on the main thread or in a worker. What kind it
 * is follows from its content. It is looked at by its header first, so that nothing is allocated
 * for an image that will be refused.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { decodeByBitmap } from "./bitmap.ts";
import { type ImageHeader, readHeader } from "./header.ts";
import { decodeJpeg } from "./jpeg.ts";
import { countScans } from "./jpeg_header.ts";
import { orient, type Plane, toChannels } from "./pixels.ts";
import { decodePng } from "./png.ts";
import { type DecodedImage, type DecodeOptions, ImageProblem, MAX_PIXELS } from "./types.ts";

/** Pixels times scans, some seconds of work: 200 scans of 100 megapixels. Photos have a dozen. */
const MAX_WORK = 2e10;

export type { DecodedImage, DecodeOptions } from "./types.ts";

/**
 * Decodes an image and turns it as EXIF says. Transparency is dropped; 16 bits a channel become 8.
 *
 * @param bytes the whole file
 * @param name what messages call it: its path
 * @throws {DataError} with the name, when it is no image, a damaged one, or too large
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
        `${name}: expected an image that fits into memory, found that it does not ` +
          `(${error.message}); make it smaller, or take it out`,
      );
    }
    throw error;
  }
}

/**
 * The size of an image, as it is looked at, from its header alone.
 *
 * @throws {DataError} with the name, when it is no image or too large
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
      `expected an image with pixels, found ${width}×${height} in its header; get the file again`,
      sizeAt,
    );
  }
  if (width * height > maxPixels) {
    throw new ImageProblem(
      `expected an image of at most ${maxPixels.toLocaleString("en")} pixels, found ` +
        `${width}×${height} in its header; make it smaller, or take it out`,
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
  // Each 8×8 block takes a bit at least: what declares more is damaged, and would be filled in.
  if (width * height > bytes.length * 512) {
    throw new ImageProblem(
      `expected the ${width}×${height} pixels of its header, found ${bytes.length} bytes, too ` +
        `few for them; get the file again`,
      sizeAt,
    );
  }
  const scans = countScans(bytes);
  if (scans * width * height > MAX_WORK) {
    throw new ImageProblem(
      `expected an image of a few scans, found ${scans} of ${width}×${height} pixels, made to keep ` +
        `decoders busy; take it out`,
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
      `expected the ${width}×${height} pixels of its header, found ${pixels.length / 4} pixels; ` +
        `get the file again`,
      sizeAt,
    );
  }
  return { plane: { width, height, pixels }, stored: 4, warning };
}

/** A warning where a name ends as that of the other kind does. */
function misnamed(name: string, kind: ImageHeader["kind"]): string | undefined {
  const ending = /\.(jpe?g|png)$/i.exec(name)?.[1]?.toLowerCase();
  if (!ending || (ending === "png") === (kind === "PNG")) return undefined;
  return `a ${kind} image, in spite of its name`;
}
