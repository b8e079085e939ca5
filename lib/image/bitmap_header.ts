/**
 * Reads the headers of the kinds of images that Deno decodes: WebP, GIF, BMP. Their sizes are known
 * before anything is decoded; of an animation, they are those of the first picture.
 *
 * @module
 */
import { type ImageHeader, ImageProblem } from "./types.ts";

/** Maximum number of pixels of a file that has hardly any bytes: 16 megapixels of one colour. */
const MAX_BLANK = 16_000_000;
/** Pixels that a byte stands for at most in a larger file. */
const MAX_PIXELS_PER_BYTE = 512;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function endsEarly(kind: string, { length }: Uint8Array): ImageProblem {
  return new ImageProblem(`the ${kind} image ends early; get the file again`, length);
}

/**
 * A header, once its size is believed. Decoding takes 12 bytes a pixel, so that a file of 40 bytes
 * could ask for a gigabyte.
 */
function header(
  bytes: Uint8Array,
  found: Pick<ImageHeader, "kind" | "width" | "height" | "sizeAt" | "pixelsAt">,
): ImageHeader {
  const { width, height, sizeAt } = found;
  if (width * height > Math.max(MAX_BLANK, bytes.length * MAX_PIXELS_PER_BYTE)) {
    throw new ImageProblem(
      `the header declares ${width}×${height} pixels, too many for a file of ${bytes.length} bytes; ` +
        `get the file again or remove it`,
      sizeAt,
    );
  }
  return { ...found, components: 3, orientation: 1 };
}

/**
 * Reads the header of a WebP image: lossy, lossless, or extended with transparency or an animation.
 *
 * @throws {ImageProblem} when the file ends before its pixels do, or its parts are not of one size
 */
export function readWebpHeader(bytes: Uint8Array): ImageHeader {
  const view = viewOf(bytes);
  let canvas: (Size & { sizeAt: number }) | undefined, pixelsAt: number | undefined;
  for (let at = 12; at + 18 <= bytes.length;) {
    const type = String.fromCharCode(...bytes.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true), from = at + 8;
    if (type === "VP8X" && at === 12) {
      canvas = {
        width: u24(view, from + 4) + 1,
        height: u24(view, from + 7) + 1,
        sizeAt: from + 4,
      };
    }
    if (["VP8 ", "VP8L", "ANMF"].includes(type)) {
      // The decoder would make up the last few bytes.
      if (pixelsAt === undefined && from + length > bytes.length) throw endsEarly("WebP", bytes);
      pixelsAt ??= at;
      const size = webpPart(view, type, from);
      canvas ??= { ...size, sizeAt: from };
      // Nothing says which of several sizes the decoder believes.
      const fits = type === "ANMF"
        ? size.width <= canvas.width && size.height <= canvas.height
        : size.width === canvas.width && size.height === canvas.height;
      if (!fits) throw otherSizes(size, canvas, at);
    }
    at = from + length + length % 2;
  }
  if (!canvas || pixelsAt === undefined) throw endsEarly("WebP", bytes);
  return header(bytes, { kind: "WebP", ...canvas, pixelsAt });
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size of a part with pixels, or of a picture of an animation with the part in it. */
function webpPart(view: DataView, type: string, from: number): Size {
  if (type === "VP8 ") {
    const [width, height] = [6, 8].map((at) => view.getUint16(from + at, true) & 0x3fff);
    return { width: width!, height: height! };
  }
  if (type === "VP8L") {
    const bits = view.getUint32(from + 1, true);
    return { width: (bits & 0x3fff) + 1, height: (bits >>> 14 & 0x3fff) + 1 };
  }
  if (from + 16 > view.byteLength) return { width: 0, height: 0 };
  const size = { width: u24(view, from + 6) + 1, height: u24(view, from + 9) + 1 };
  for (let at = from + 16; at + 18 <= view.byteLength;) {
    const inner = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4));
    if (inner === "VP8 " || inner === "VP8L") {
      const part = webpPart(view, inner, at + 8);
      if (part.width !== size.width || part.height !== size.height) {
        throw otherSizes(part, size, at);
      }
      break;
    }
    const length = view.getUint32(at + 4, true);
    at += 8 + length + length % 2;
  }
  return size;
}

function u24(view: DataView, at: number): number {
  return view.getUint16(at, true) | view.getUint8(at + 2) << 16;
}

function otherSizes(part: Size, whole: Size, at: number): ImageProblem {
  return new ImageProblem(
    `expected pixels of the size in the header, ${whole.width}×${whole.height}, got ` +
      `${part.width}×${part.height}; get the file again`,
    at,
  );
}

/**
 * Reads the header of a GIF image: the size of its screen, or of the first picture if that is larger.
 *
 * @throws {ImageProblem} when the file ends before its first picture
 */
export function readGifHeader(bytes: Uint8Array): ImageHeader {
  const view = viewOf(bytes);
  if (bytes.length < 13) throw endsEarly("GIF", bytes);
  const colours = (flags: number) => flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
  let at = 13 + colours(bytes[10]!);
  // Extensions: a label, then blocks with their lengths, up to one of length 0.
  while (bytes[at] === 0x21) {
    for (at += 2; bytes[at]!; at += bytes[at]! + 1);
    at++;
  }
  if (at + 10 > bytes.length) throw endsEarly("GIF", bytes);
  if (bytes[at] !== 0x2c) {
    throw new ImageProblem("the GIF image is damaged; get the file again", at);
  }
  return header(bytes, {
    kind: "GIF",
    width: Math.max(
      view.getUint16(6, true),
      view.getUint16(at + 1, true) + view.getUint16(at + 5, true),
    ),
    height: Math.max(
      view.getUint16(8, true),
      view.getUint16(at + 3, true) + view.getUint16(at + 7, true),
    ),
    sizeAt: 6,
    pixelsAt: at,
  });
}

/**
 * Reads the header of a BMP image.
 *
 * @throws {ImageProblem} when the file has fewer bytes than its pixels need
 */
export function readBmpHeader(bytes: Uint8Array): ImageHeader {
  const view = viewOf(bytes);
  if (bytes.length < 34) throw endsEarly("BMP", bytes);
  const pixelsAt = view.getUint32(10, true), early = view.getUint32(14, true) === 12;
  const width = early ? view.getUint16(18, true) : view.getInt32(18, true);
  // Below 0 where rows go from the top down.
  const height = Math.abs(early ? view.getUint16(20, true) : view.getInt32(22, true));
  const bits = view.getUint16(early ? 24 : 28, true);
  const packed = !early && [1, 2].includes(view.getUint32(30, true));
  if (width < 0) throw new ImageProblem("the BMP image is damaged; get the file again", 18);
  const row = Math.ceil(width * bits / 32) * 4;
  if (!packed && pixelsAt + row * height > bytes.length) {
    const rows = Math.max(Math.floor((bytes.length - pixelsAt) / row), 0);
    throw new ImageProblem(
      `the BMP image ends early, after ${rows} of ${height} rows; get the file again`,
      bytes.length,
    );
  }
  return header(bytes, { kind: "BMP", width, height, sizeAt: 18, pixelsAt });
}
