/**
 * Decodes JPEG, PNG, WebP, GIF and BMP files, on the main thread or in a worker. The kind follows from the content.
 * The header is read first, so that nothing is allocated for an image that will be refused.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { decodeByBitmap } from "./bitmap.ts";
import { readHeader } from "./header.ts";
import { decodeJpeg } from "./jpeg.ts";
import { jpegExtent } from "./jpeg_header.ts";
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

/** Endings of names by kind of image, and those of kinds that cannot be decoded. */
const ENDINGS: Readonly<Record<ImageHeader["kind"] | "other", RegExp>> = {
  JPEG: /\.(jpe?g|jpe|jfif|pjpe?g|pjp)$/i,
  PNG: /\.a?png$/i,
  WebP: /\.webp$/i,
  GIF: /\.gif$/i,
  BMP: /\.(bmp|dib)$/i,
  other: /\.(tiff?|hei[cf]|avif|jxl|jp2|svg)$/i,
};

/**
 * Decodes an image, or the first picture of an animation, and rotates it as EXIF says. Transparency is
 * dropped; 16 bits a channel become 8.
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
    header = imageHeader(bytes, name, options.maxPixels ?? MAX_PIXELS);
    const { plane, stored, turned, warning } = await decodeStored(bytes, header);
    const { width, height, pixels } = orient(
      { ...plane, pixels: toChannels(plane.pixels, stored, channels) },
      channels,
      turned ? 1 : header.orientation,
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

function imageHeader(bytes: Uint8Array, name: string, maxPixels: number): ImageHeader {
  const header = readHeader(bytes, name);
  const { kind, width, height, sizeAt } = header;
  if (width === 0 || height === 0) {
    throw new ImageProblem(
      `expected a ${kind} image with pixels, got ${width}×${height} in its header; get the file again`,
      sizeAt,
    );
  }
  if (width * height > maxPixels) {
    throw new ImageProblem(
      `expected a ${kind} image of at most ${maxPixels.toLocaleString("en")} pixels, got ` +
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
  /** Whether it is rotated as EXIF says. */
  readonly turned?: boolean;
  readonly warning?: string | undefined;
}

async function decodeStored(bytes: Uint8Array, header: ImageHeader): Promise<StoredImage> {
  const { kind, width, height } = header;
  if (kind === "JPEG") return await decodeStoredJpeg(bytes, header);
  if (kind === "PNG") {
    const { pixels, channels, warning } = decodePng(bytes);
    return { plane: { width, height, pixels }, stored: channels, warning };
  }
  const { rgb, ...size } = await decodeByBitmap(
    kind === "GIF" ? withScreen(bytes, header) : bytes,
    kind,
  );
  if (size.width * size.height !== width * height) throw otherSize(header, size);
  return { plane: { ...size, pixels: rgb }, stored: 3, turned: true };
}

/** A GIF whose screen has room for its first picture, which the decoder would crop. */
function withScreen(bytes: Uint8Array, { width, height }: ImageHeader): Uint8Array {
  const copy = bytes.slice(), view = new DataView(copy.buffer);
  view.setUint16(6, width, true);
  view.setUint16(8, height, true);
  return copy;
}

async function decodeStoredJpeg(bytes: Uint8Array, header: ImageHeader): Promise<StoredImage> {
  const { width, height, components, sizeAt } = header;
  // Each 8×8 block takes at least a bit: a header that declares more is damaged, and decoders fill up.
  if (width * height > bytes.length * 512) {
    throw new ImageProblem(
      `the header declares ${width}×${height} pixels, too many for a file of ${bytes.length} bytes; ` +
        `get the file again`,
      sizeAt,
    );
  }
  const extent = jpegExtent(bytes);
  if (extent.scans * width * height > MAX_WORK) {
    throw new ImageProblem(
      `${extent.scans} scans of ${width}×${height} pixels would take minutes to decode; remove the file`,
    );
  }
  const { pixels, warning, ...size } = await decodeJpeg(bytes, header, extent);
  if (size.width * size.height !== width * height) throw otherSize(header, size);
  return components === 4
    ? { plane: { ...size, pixels }, stored: 3, turned: true, warning }
    : { plane: { width, height, pixels }, stored: 4, warning };
}

function otherSize(
  { width, height, sizeAt }: ImageHeader,
  decoded: Pick<Plane, "width" | "height">,
): ImageProblem {
  return new ImageProblem(
    `the header declares ${width}×${height} pixels, decoding gave ${decoded.width}×${decoded.height}; ` +
      `get the file again`,
    sizeAt,
  );
}

/** Returns a warning when the file's extension is that of another kind. */
function misnamed(name: string, kind: ImageHeader["kind"]): string | undefined {
  const other = Object.entries(ENDINGS).some(([of, ending]) => of !== kind && ending.test(name));
  return other ? `a ${kind} image, despite its extension` : undefined;
}
