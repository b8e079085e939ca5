/**
 * Tells what a file is from its first bytes, and reads size and orientation of an image. Nothing is
 * decoded, and nothing is allocated because a file declares it.
 *
 * @module
 */
import { dirname } from "node:path";
import { shellWord } from "../core/text.ts";
import { readBmpHeader, readGifHeader, readWebpHeader } from "./bitmap_header.ts";
import { readJpegHeader } from "./jpeg_header.ts";
import { readPngHeader } from "./png_header.ts";
import { type ImageHeader, ImageProblem } from "./types.ts";

/** Number of first bytes that {@link imageKindOf} looks at. */
export const KIND_BYTES = 512;

/** What a file is. */
export interface FileKind {
  /** As in "a HEIC image": with its article. */
  readonly name: string;
  /** Whether it is an image that can be decoded, an image that cannot, or no image. */
  readonly use: "read" | "convert" | "none";
}

/** How the files that people have among their images begin. The first that fits is it. */
const KINDS: readonly (readonly [
  use: FileKind["use"],
  name: string,
  starts: (head: Uint8Array) => boolean,
])[] = [
  ["read", "a JPEG image", (head) => ascii(head, 0, 2) === "\xff\xd8"],
  ["read", "a PNG image", (head) => ascii(head, 0, 8) === "\x89PNG\r\n\x1a\n"],
  ["read", "a GIF image", (head) => /^GIF8[79]a$/.test(ascii(head, 0, 6))],
  ["read", "a WebP image", (head) => /^RIFF[^]{4}WEBP$/.test(ascii(head, 0, 12))],
  ["read", "a BMP image", isBmp],
  ["convert", "a TIFF image", (head) => /^(II[*+]\0|MM\0[*+])$/.test(ascii(head, 0, 4))],
  ["convert", "an AVIF image", (head) => /^ftypavi[fs]$/.test(ascii(head, 4, 12))],
  [
    "convert",
    "a HEIC image",
    (head) => /^ftyp(hei[cxms]|hev[cxms]|mi[fa]1|msf1)$/.test(ascii(head, 4, 12)),
  ],
  [
    "convert",
    "a JPEG 2000 image",
    (head) => ascii(head, 4, 8) === "jP  " || ascii(head, 0, 4) === "\xff\x4f\xff\x51",
  ],
  [
    "convert",
    "a JPEG XL image",
    (head) => ascii(head, 0, 2) === "\xff\x0a" || ascii(head, 4, 8) === "JXL ",
  ],
  [
    "convert",
    "an SVG image",
    (head) => /^(\xef\xbb\xbf)?\s*(<[?!][^]*)?<svg\b/.test(ascii(head, 0, KIND_BYTES)),
  ],
  ["convert", "a Photoshop image", (head) => ascii(head, 0, 4) === "8BPS"],
  ["convert", "an icon", (head) => ascii(head, 0, 4) === "\0\0\x01\0" && head[4]! > 0],
  ["convert", "an OpenEXR image", (head) => ascii(head, 0, 4) === "v/1\x01"],
  ["convert", "a PNM image", (head) => /^P[1-7]\s[\d\s#W]/.test(ascii(head, 0, 4))],
  ["convert", "a DICOM image", (head) => ascii(head, 128, 132) === "DICM"],
  ["none", "an MP4 or MOV video", (head) => ascii(head, 4, 8) === "ftyp"],
  [
    "none",
    "an HTML page",
    (head) => /^(\xef\xbb\xbf)?\s*<(!doctype )?html/i.test(ascii(head, 0, KIND_BYTES)),
  ],
  ["none", "a PDF document", (head) => ascii(head, 0, 5) === "%PDF-"],
  ["none", "a ZIP archive", (head) => ascii(head, 0, 4) === "PK\x03\x04"],
  ["none", "a gzip file", (head) => ascii(head, 0, 2) === "\x1f\x8b"],
  ["none", "a macOS resource file", (head) => ascii(head, 0, 4) === "\x00\x05\x16\x07"],
  [
    "none",
    "a Git LFS pointer, not the file that it stands for",
    (head) => ascii(head, 0, 24) === "version https://git-lfs.",
  ],
  ["none", "an empty file", (head) => head.length === 0],
  ["none", "nothing but zeros", (head) => head.subarray(0, KIND_BYTES).every((byte) => byte === 0)],
  ["none", "text", (head) => /^[\t\n\r\x20-\x7e\x80-\xff]+$/.test(ascii(head, 0, KIND_BYTES))],
];

/** What reads the header of each kind that can be decoded. */
const READERS: Readonly<Record<string, (bytes: Uint8Array) => ImageHeader>> = {
  "a JPEG image": readJpegHeader,
  "a PNG image": readPngHeader,
  "a WebP image": readWebpHeader,
  "a GIF image": readGifHeader,
  "a BMP image": readBmpHeader,
};

/**
 * Tells what a file is. Its name plays no part.
 *
 * @param bytes the file, or its first {@link KIND_BYTES}
 * @returns "something else", of no use, when nothing fits
 */
export function imageKindOf(bytes: Uint8Array): FileKind {
  const kind = KINDS.find(([, , starts]) => starts(bytes));
  return kind ? { use: kind[0], name: kind[1] } : { use: "none", name: "something else" };
}

/**
 * Reads the header of an image.
 *
 * @param name path of the file, for the command that converts it
 * @throws {ImageProblem} when the file is not an image that can be decoded, or is damaged
 */
export function readHeader(bytes: Uint8Array, name: string): ImageHeader {
  const { use, name: found } = imageKindOf(bytes);
  const read = READERS[found];
  if (read) return read(bytes);
  const remedy = use === "convert"
    ? `convert it (${conversionOf(name)}) or remove it`
    : "get the file again or remove it";
  throw new ImageProblem(
    `expected a JPEG, PNG, WebP, GIF or BMP image, got ${found}; ${remedy}`,
    0,
  );
}

/** The command by which ImageMagick makes a JPEG of an image, beside it or in its place. */
export function conversionOf(path: string): string {
  return `magick ${shellWord(path)} ${shellWord(path.replace(/\.[^./\\]+$/, "") + ".jpg")}`;
}

/** The command that does so for all images in the folder of one that end as it does. */
export function conversionsOf(path: string): string {
  return `magick mogrify -format jpg ${shellWord(dirname(path))}/*${
    /\.\w+$/.exec(path)?.[0] ?? ""
  }`;
}

/** "BM" begins words too: the size of the header that follows tells. */
function isBmp(head: Uint8Array): boolean {
  return ascii(head, 0, 2) === "BM" && head[14]! >= 12 && head[14]! <= 124 &&
    ascii(head, 15, 18) === "\0\0\0";
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
