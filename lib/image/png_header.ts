/**
 * Reads the chunks of a PNG file. Checksums are verified for chunks that pixels need; all others are
 * skipped.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { exifOrientation } from "./exif.ts";
import { type ImageHeader, ImageProblem } from "./types.ts";

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
}

/**
 * Yields the chunks before IEND.
 *
 * @throws {ImageProblem} when the file ends early, or a chunk that pixels need is damaged
 */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = SIGNATURE;
  while (true) {
    if (at + 12 > bytes.length) throw endsEarly(bytes);
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) throw endsEarly(bytes);
    const typed = bytes.subarray(at + 4, at + 8 + length);
    const type = String.fromCharCode(...typed.subarray(0, 4));
    // A capital first letter: the pixels need this chunk.
    const needed = /^[A-Z]/.test(type);
    if (needed && crc32(typed) !== view.getUint32(at + 8 + length)) {
      throw new ImageProblem(
        `the checksum of chunk ${type} is wrong; get the file again`,
        at,
      );
    }
    if (type === "IEND") return;
    yield { type, data: typed.subarray(4), at };
    at += 12 + length;
  }
}

function endsEarly({ length }: Uint8Array): ImageProblem {
  return new ImageProblem("the PNG image ends early; get the file again", length);
}

/** Reads IHDR. @throws {ImageProblem} when the standard does not allow it */
export function readPngFrame(bytes: Uint8Array): PngFrame {
  const first = pngChunks(bytes).next().value as PngChunk | undefined;
  if (first?.type !== "IHDR" || first.data.length !== 13) {
    throw new ImageProblem(
      `expected a PNG header as the first chunk, got ${first?.type ?? "nothing"}; ` +
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
