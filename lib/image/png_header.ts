/**
 * Reads the chunks of a PNG file, as leniently as libpng: what pixels need must be there, and unharmed;
 * of the rest, what is missing or damaged is left out with a warning.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { printable } from "../core/text.ts";
import { exifOrientation } from "./exif.ts";
import { END_MISSING, type ImageHeader, ImageProblem } from "./types.ts";

const SIGNATURE = 8;
/** Depths in bits that each colour type may have. */
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

/** How pixels are stored, from IHDR. */
export interface PngFrame {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample: 1, 2, 4, 8 or 16. */
  readonly depth: number;
  /** 0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha. */
  readonly colour: number;
  /** Adam7, seven passes. */
  readonly interlaced: boolean;
}

/** One chunk. */
export interface PngChunk {
  /** Four letters. */
  readonly type: string;
  readonly data: Uint8Array;
  /** Offset in the file, in bytes. */
  readonly at: number;
  /** Whether its checksum is there, and right. */
  readonly checked: boolean;
}

/**
 * Yields the chunks before IEND. The last one may be a part of the image's data, if the file ends in it.
 *
 * @param warn called where a chunk that pixels do not need is damaged or missing, IEND among them
 * @throws {ImageProblem} when a chunk that pixels need is damaged
 */
export function* pngChunks(
  bytes: Uint8Array,
  warn: (text: string) => void = () => {},
): Generator<PngChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = SIGNATURE; at + 8 <= bytes.length;) {
    const length = view.getUint32(at), end = at + 8 + length;
    const typed = bytes.subarray(at + 4, end), data = typed.subarray(4);
    const type = String.fromCharCode(...typed.subarray(0, 4));
    if (end + 4 > bytes.length) {
      if (type === "IDAT" || end <= bytes.length && type !== "IEND") {
        yield { type, data, at, checked: false };
      }
      break;
    }
    const right = crc32(typed) === view.getUint32(end);
    if (!right) {
      const what = `the checksum of chunk ${printable(type)} is wrong`;
      // A capital first letter: the pixels need this chunk.
      if (/^[A-Z]/.test(type) && type !== "IEND") {
        throw new ImageProblem(`${what}; get the file again`, at);
      }
      warn(`${what}; no pixel depends on it`);
    }
    if (type === "IEND") return;
    if (right) yield { type, data, at, checked: true };
    at = end + 4;
  }
  warn(END_MISSING);
}

/** Reads IHDR. @throws {ImageProblem} when the standard does not allow it */
export function readPngFrame(bytes: Uint8Array): PngFrame {
  const first = pngChunks(bytes).next().value as PngChunk | undefined;
  if (!first) {
    throw new ImageProblem("the PNG image ends early; get the file again", bytes.length);
  }
  if (first.type !== "IHDR" || first.data.length !== 13) {
    throw new ImageProblem(
      `expected a PNG header as the first chunk, got ${printable(first.type)}; ` +
        `get the file again`,
      8,
    );
  }
  const view = new DataView(first.data.buffer, first.data.byteOffset, 13);
  const [depth, colour, packing, filter, interlace] = first.data.subarray(8);
  if (!DEPTHS[colour!]?.includes(depth!) || packing !== 0 || filter !== 0 || interlace! > 1) {
    throw new ImageProblem(
      `expected a valid PNG header, got bit depth ${depth}, colour type ${colour}, ` +
        `compression ${packing}, filter ${filter}, interlace ${interlace}; get the file again`,
      24,
    );
  }
  return {
    width: view.getUint32(0),
    height: view.getUint32(4),
    depth: depth!,
    colour: colour!,
    interlaced: interlace === 1,
  };
}

/** Reads the header of an image. @throws {ImageProblem} when the file is damaged */
export function readPngHeader(bytes: Uint8Array): ImageHeader {
  const { width, height, colour } = readPngFrame(bytes);
  let orientation = 1, pixelsAt = bytes.length;
  for (const { type, data, at } of pngChunks(bytes)) {
    pixelsAt = at;
    if (type === "IDAT") break;
    if (type === "eXIf") orientation = exifOrientation(data);
  }
  return {
    kind: "PNG",
    width,
    height,
    components: colour === 0 || colour === 4 ? 1 : 3,
    orientation,
    sizeAt: 16,
    pixelsAt,
  };
}
