/**
 * Decodes PNG: the runtime inflates the data, up to the size that the header declares; rows are
 * unfiltered and expanded to 8 bits here. Supports every colour type, depth and interlacing of the
 * standard.
 *
 * @module
 */
import { inflateSync } from "node:zlib";
import { pngChunks, type PngFrame, readPngFrame } from "./png_header.ts";
import { unfilter } from "./png_rows.ts";
import { ImageProblem } from "./types.ts";

/** Adam7: the first pixel of each pass, and the distance between its pixels. */
const PASSES: readonly (readonly [x: number, y: number, right: number, down: number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** Maximum number of bytes that one byte of deflate data inflates to. */
const MAX_DEFLATE_RATIO = 1032;

/** Samples of a pixel by colour type. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * Decodes to 8 bits a channel (of 16 bits, the upper 8). Transparency is dropped.
 *
 * @returns u8, `[height, width, channels]`, grey or colour as stored
 * @throws {ImageProblem} when the image is damaged
 */
export function decodePng(
  bytes: Uint8Array,
): { pixels: Uint8Array<ArrayBuffer>; channels: 1 | 3 } {
  const frame = readPngFrame(bytes);
  const packed: Uint8Array[] = [];
  let palette: Uint8Array | undefined;
  for (const { type, data } of pngChunks(bytes)) {
    if (type === "PLTE") palette = data;
    if (type === "IDAT") packed.push(data);
  }
  if (frame.colour === 3 && !palette) {
    throw new ImageProblem("the PNG image has no palette; get the file again");
  }
  const rows = unpack(packed, frame);
  const channels = frame.colour === 0 || frame.colour === 4 ? 1 : 3;
  const pixels = new Uint8Array(frame.width * frame.height * channels);
  let at = 0;
  for (const [x, y, right, down] of frame.interlaced ? PASSES : [[0, 0, 1, 1]] as const) {
    const w = Math.ceil((frame.width - x) / right), h = Math.ceil((frame.height - y) / down);
    if (w <= 0 || h <= 0) continue;
    const bits = SAMPLES[frame.colour]! * frame.depth;
    const length = Math.ceil(w * bits / 8);
    for (let row = 0, above = -1; row < h; row++) {
      unfilter(rows, at + 1, length, above, Math.max(bits >> 3, 1));
      above = at + 1;
      at += 1 + length;
      const to = ((y + row * down) * frame.width + x) * channels;
      widen(rows, above, w, frame, palette, pixels, to, right * channels);
    }
  }
  return { pixels, channels };
}

/** Inflates the filtered rows of all passes. */
function unpack(packed: readonly Uint8Array[], frame: PngFrame): Uint8Array {
  const bits = SAMPLES[frame.colour]! * frame.depth;
  const size = (w: number, h: number) => w > 0 && h > 0 ? h * (1 + Math.ceil(w * bits / 8)) : 0;
  const expected = frame.interlaced
    ? PASSES.reduce(
      (sum, [x, y, right, down]) =>
        sum + size(Math.ceil((frame.width - x) / right), Math.ceil((frame.height - y) / down)),
      0,
    )
    : size(frame.width, frame.height);
  const length = packed.reduce((sum, part) => sum + part.length, 0);
  if (expected > length * MAX_DEFLATE_RATIO) {
    throw new ImageProblem(
      `expected ${expected} bytes of pixels, got ${length} compressed bytes, too few to hold them; ` +
        `get the file again`,
    );
  }
  let rows: Uint8Array;
  try {
    const all = packed.length === 1 ? packed[0]! : concatenated(packed);
    rows = inflateSync(all, { maxOutputLength: expected + 1 });
  } catch (error) {
    throw new ImageProblem(
      `the pixels are damaged (${error instanceof Error ? error.message : error}); ` +
        `get the file again`,
    );
  }
  if (rows.length !== expected) {
    throw new ImageProblem(
      `expected ${expected} bytes of pixels, got ${rows.length}; get the file again`,
    );
  }
  return rows;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Expands a row of `w` pixels to 8 bits and writes it at `to`, pixels `step` bytes apart. */
function widen(
  rows: Uint8Array,
  from: number,
  w: number,
  { colour, depth }: PngFrame,
  palette: Uint8Array | undefined,
  pixels: Uint8Array,
  to: number,
  step: number,
): void {
  if (depth < 8) {
    const max = (1 << depth) - 1, grey = 255 / max;
    for (let x = 0; x < w; x++, to += step) {
      const bit = x * depth;
      const sample = rows[from + (bit >> 3)]! >> (8 - depth - (bit & 7)) & max;
      if (palette && colour === 3) entry(palette, sample, pixels, to);
      else pixels[to] = sample * grey;
    }
    return;
  }
  const bytes = depth / 8, stride = SAMPLES[colour]! * bytes;
  for (let x = 0; x < w; x++, to += step, from += stride) {
    if (colour === 3) entry(palette!, rows[from]!, pixels, to);
    else {
      pixels[to] = rows[from]!;
      if (colour === 2 || colour === 6) {
        pixels[to + 1] = rows[from + bytes]!;
        pixels[to + 2] = rows[from + 2 * bytes]!;
      }
    }
  }
}

/** Writes a colour of the palette; black if the index is beyond it, as other decoders do. */
function entry(palette: Uint8Array, index: number, pixels: Uint8Array, to: number): void {
  for (let c = 0; c < 3; c++) pixels[to + c] = palette[index * 3 + c] ?? 0;
}
