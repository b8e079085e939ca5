/**
 * Decodes PNG: the runtime inflates the data, up to the size that the header declares; rows are
 * unfiltered and expanded to 8 bits here. Supports every colour type, depth and interlacing of the
 * standard.
 *
 * @module
 */
import { joinBytes } from "../core/bytes.ts";
import { constants, inflateRawSync, inflateSync } from "node:zlib";
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
 * Decodes to 8 bits a channel (of 16 bits, the upper 8). Transparency is dropped. What no pixel needs
 * may be missing or damaged, as for libpng: the end of the file, checksums, rows beyond the last.
 *
 * @returns u8, `[height, width, channels]`, grey or colour as stored; and a warning
 * @throws {ImageProblem} when pixels are missing or damaged
 */
export function decodePng(
  bytes: Uint8Array,
): { pixels: Uint8Array<ArrayBuffer>; channels: 1 | 3; warning?: string } {
  const frame = readPngFrame(bytes);
  const packed: Uint8Array[] = [], warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  let palette: Uint8Array | undefined, checked = true;
  for (const chunk of pngChunks(bytes, warn)) {
    if (chunk.type === "PLTE") palette = chunk.data;
    if (chunk.type === "IDAT") packed.push(chunk.data);
    if (chunk.type === "PLTE" || chunk.type === "IDAT") checked &&= chunk.checked;
  }
  if (frame.colour === 3 && !palette) {
    throw new ImageProblem("the PNG image has no palette; get the file again");
  }
  const rows = unpack(packed, frame, checked, warn);
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
  const [warning] = warnings;
  return { pixels, channels, ...(warning ? { warning } : {}) };
}

/**
 * Inflates the filtered rows of all passes.
 *
 * @param checked whether the chunks have their checksums; otherwise that of the pixels counts if it is there
 */
function unpack(
  packed: readonly Uint8Array[],
  frame: PngFrame,
  checked: boolean,
  warn: (text: string) => void,
): Uint8Array {
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
  const all = packed.length === 1 ? packed[0]! : joinBytes(packed);
  try {
    const rows = inflateSync(all, { maxOutputLength: expected });
    if (rows.length === expected) return rows;
  } catch (error) {
    // What is wrong need not touch a pixel.
    const cut = (error as { readonly code?: string }).code === "Z_BUF_ERROR";
    if (!checked && !cut) throw damaged(error);
  }
  const rows = inflateWhatIsThere(all, 2 * expected + 2 ** 20);
  if (rows.length > expected) {
    const more = (rows.length - expected) / size(frame.width, 1);
    const what = frame.interlaced || more % 1 !== 0
      ? `${rows.length - expected} bytes of pixels`
      : `${more} rows`;
    warn(`${what} more than its header declares are left out`);
  } else if (rows.length === expected) {
    warn("the checksum of its pixels is wrong or missing; all of them are there");
  } else if (frame.interlaced) {
    throw new ImageProblem(
      `the PNG image ends early, after ${rows.length} of ${expected} bytes of pixels; ` +
        `get the file again`,
    );
  } else {
    throw new ImageProblem(
      `the PNG image ends early, after ${Math.floor(rows.length / size(frame.width, 1))} of ` +
        `${frame.height} rows; get the file again`,
    );
  }
  return rows.subarray(0, expected);
}

/** Inflates as far as the data go, without their checksum. @throws {ImageProblem} when damaged */
function inflateWhatIsThere(packed: Uint8Array, maxOutputLength: number): Uint8Array {
  const [method = 8, flags = 29] = packed;
  if ((method & 15) !== 8 || (method * 256 + flags) % 31 !== 0 || (flags & 32) !== 0) {
    throw new ImageProblem("the pixels are damaged (not in zlib's format); get the file again");
  }
  if (packed.length < 3) return new Uint8Array(0);
  try {
    return inflateRawSync(packed.subarray(2), {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength,
    });
  } catch (error) {
    throw damaged(error);
  }
}

function damaged(error: unknown): ImageProblem {
  const why = (error as { readonly code?: string }).code === "ERR_BUFFER_TOO_LARGE"
    ? "more than the header declares"
    : error instanceof Error
    ? error.message
    : error;
  return new ImageProblem(`the pixels are damaged (${why}); get the file again`);
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
