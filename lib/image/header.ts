/**
 * Reads kind, size and orientation from the first bytes of an image file. Nothing is decoded, and
 * nothing is allocated because a file declares it.
 *
 * @module
 */
import { readJpegHeader } from "./jpeg_header.ts";
import { readPngHeader } from "./png_header.ts";
import { type ImageHeader, ImageProblem } from "./types.ts";

/** Other kinds of files that people have among their images, and how each begins. */
const OTHERS: readonly (readonly [kind: string, starts: (bytes: Uint8Array) => boolean])[] = [
  ["a GIF image", (bytes) => ascii(bytes, 0, 4) === "GIF8"],
  ["a WebP image", (bytes) => ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP"],
  ["a BMP image", (bytes) => ascii(bytes, 0, 2) === "BM"],
  ["a TIFF image", (bytes) => ["II*\0", "MM\0*"].includes(ascii(bytes, 0, 4))],
  ["an AVIF image", (bytes) => /^ftypavi[fs]$/.test(ascii(bytes, 4, 12))],
  ["a HEIC image", (bytes) => /^ftyp(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(ascii(bytes, 4, 12))],
  ["a JPEG 2000 image", (bytes) => ascii(bytes, 4, 8) === "jP  "],
  ["a JPEG XL image", (bytes) => bytes[0] === 0xff && bytes[1] === 0x0a],
  ["an SVG image", (bytes) => /^\s*(<\?xml[^]*)?<svg/.test(ascii(bytes, 0, 256))],
  ["an HTML page", (bytes) => /^\s*<(!doctype )?html/i.test(ascii(bytes, 0, 256))],
  ["a PDF document", (bytes) => ascii(bytes, 0, 5) === "%PDF-"],
  ["a ZIP archive", (bytes) => ascii(bytes, 0, 4) === "PK\x03\x04"],
  ["a gzip file", (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b],
  ["nothing but zeros", (bytes) => bytes.subarray(0, 64).every((byte) => byte === 0)],
  ["text", (bytes) => /^[\t\n\r\x20-\x7e\x80-\xff]+$/.test(ascii(bytes, 0, 64))],
];

/**
 * Reads the header of an image.
 *
 * @throws {ImageProblem} when the file is not a JPEG or PNG image, or is damaged
 */
export function readHeader(bytes: Uint8Array): ImageHeader {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return readJpegHeader(bytes);
  if (ascii(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return readPngHeader(bytes);
  const expected = "expected a JPEG or PNG image";
  if (bytes.length === 0) {
    throw new ImageProblem(`${expected}, got an empty file; get the file again`, 0);
  }
  const other = OTHERS.find(([, starts]) => starts(bytes));
  if (!other) throw new ImageProblem(`${expected}, got something else; get the file again`, 0);
  throw new ImageProblem(`${expected}, got ${other[0]}; convert it or remove it`, 0);
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
