/**
 * Reads the header of a JPEG file: its segments up to the first scan; and finds where its data end.
 * Bytes between segments are skipped, as decoders do.
 *
 * @module
 */
import { exifOrientation } from "./exif.ts";
import { type ImageHeader, ImageProblem } from "./types.ts";

const EXIF = "Exif\0\0";

/** Frames that can be decoded: baseline, extended and progressive, all of them Huffman-coded. */
const FRAMES = new Set([0xc0, 0xc1, 0xc2]);

/** Whether a marker starts a frame: 0xc0 to 0xcf, except tables (c4, cc) and an extension (c8). */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/**
 * Reads the header.
 *
 * @throws {ImageProblem} when the file ends before the first scan, or its kind cannot be decoded
 */
export function readJpegHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: Frame | undefined;
  let orientation: number | undefined;
  let at = 2;
  while (true) {
    while (at < bytes.length && bytes[at] !== 0xff) at++;
    while (at < bytes.length && bytes[at] === 0xff) at++;
    const marker = bytes[at++];
    if (marker === undefined) break;
    // A stuffed zero, a restart, a second start: these markers have no length.
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    if (marker === 0xd9) break;
    if (marker === 0xda && frame) {
      return { ...frame, orientation: orientation ?? 1, pixelsAt: at - 2 };
    }
    if (at + 2 > bytes.length) break;
    const length = view.getUint16(at);
    const segment = bytes.subarray(at + 2, at + Math.max(length, 2));
    if (isFrame(marker)) {
      if (frame) throw twoFrames(at - 1);
      frame = readFrame(marker, segment, at);
    }
    if (marker === 0xe1 && startsWith(segment, EXIF)) {
      orientation ??= exifOrientation(segment.subarray(EXIF.length));
    }
    at += Math.max(length, 2);
  }
  throw new ImageProblem(
    "the JPEG image ends before its pixels; get the file again",
    bytes.length,
  );
}

/** Decoders do not agree on which of two sizes counts. @param at offset of the second */
function twoFrames(at: number): ImageProblem {
  return new ImageProblem("the JPEG image declares its size twice; get the file again", at);
}

/** How far the compressed data of a JPEG file go. */
export interface JpegExtent {
  /** Number of scans. A progressive image has about a dozen, each of which passes over all pixels. */
  readonly scans: number;
  /** Offset in bytes after the data of the last scan. */
  readonly dataEnd: number;
  /** Whether the marker of the end (EOI) follows. */
  readonly ended: boolean;
  /** Whether the scans cover every bit of every coefficient of each component. */
  readonly complete: boolean;
}

/**
 * Finds the scans of a JPEG file and its end, without decoding. Thumbnails in its header do not count.
 *
 * @throws {ImageProblem} when it declares its size twice
 */
export function jpegExtent(bytes: Uint8Array): JpegExtent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // For each component: of its 64 coefficients, the lowest bit that a scan had; 255 before any.
  const lowest = new Map<number, Uint8Array>();
  let scans = 0, dataEnd = bytes.length, ended = false, progressive = false;
  for (let at = 2; (at = bytes.indexOf(0xff, at)) >= 0;) {
    const marker = bytes[++at];
    if (marker === 0xd9) ended = true;
    if (marker === undefined || ended) break;
    if (marker <= 1 || marker >= 0xd0 && marker <= 0xd8) at++;
    if (marker <= 1 || marker >= 0xd0 && marker <= 0xd8 || marker === 0xff) continue;
    if (at + 3 > bytes.length) break;
    const segment = bytes.subarray(at + 3, at + 1 + Math.max(view.getUint16(at + 1), 2));
    at += 3 + segment.length;
    if (isFrame(marker)) {
      if (lowest.size > 0) throw twoFrames(at - 3 - segment.length);
      progressive = marker === 0xc2;
      for (let i = 6; i < segment.length; i += 3) {
        lowest.set(segment[i]!, new Uint8Array(64).fill(255));
      }
    }
    if (marker !== 0xda) continue;
    scans++;
    const count = segment[0] ?? 0,
      [first = 0, last = 63, bits = 0] = segment.subarray(2 * count + 1);
    for (let i = 1; i <= 2 * count; i += 2) {
      if (progressive) lowest.get(segment[i]!)?.fill(bits & 15, first, last + 1);
      else lowest.get(segment[i]!)?.fill(0);
    }
    dataEnd = at = endOfData(bytes, at);
  }
  const complete = [...lowest.values()].every((bits) => bits.every((bit) => bit === 0));
  return { scans, dataEnd, ended, complete };
}

/** The offset of the first marker that is neither a stuffed zero nor a restart. */
function endOfData(bytes: Uint8Array, from: number): number {
  for (let at = from; (at = bytes.indexOf(0xff, at)) >= 0; at++) {
    const next = bytes[at + 1];
    if (next !== undefined && next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) {
      return at;
    }
  }
  return bytes.length;
}

type Frame = Omit<ImageHeader, "orientation" | "pixelsAt">;

/** @param at offset of the segment's length */
function readFrame(marker: number, segment: Uint8Array, at: number): Frame {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  if (segment.length < 6 + 3 * (segment[5] ?? 0)) {
    throw new ImageProblem("the JPEG header is cut short; get the file again", at);
  }
  const depth = segment[0]!, components = segment[5]!;
  if (!FRAMES.has(marker)) {
    throw new ImageProblem(
      `expected a baseline or progressive JPEG image, got a ` +
        `${marker > 0xc8 ? "arithmetic-coded" : marker === 0xc3 ? "lossless" : "hierarchical"} ` +
        `one; convert it or remove it`,
      at - 1,
    );
  }
  if (depth !== 8) {
    throw new ImageProblem(
      `expected a JPEG image with 8 bits a channel, got ${depth}; convert it or remove it`,
      at + 2,
    );
  }
  if (![1, 3, 4].includes(components)) {
    throw new ImageProblem(
      `expected a JPEG image with 1, 3 or 4 channels, got ${components}; convert it or remove it`,
      at + 7,
    );
  }
  if (components === 4) checkSampling(segment, at);
  const width = view.getUint16(3), height = view.getUint16(1);
  return { kind: "JPEG", width, height, components, sizeAt: at + 3 };
}

/** Deno's decoder, which CMYK needs, ends the process where the first component is not the finest. */
function checkSampling(segment: Uint8Array, at: number): void {
  const factors = [0, 1, 2, 3].map((i) => segment[7 + 3 * i] ?? 0), [first] = factors;
  const part = (factor: number, shift: number) => factor >> shift & 15;
  const fits = factors.every((factor) =>
    [4, 0].every((shift) => {
      const most = part(first!, shift), own = part(factor, shift);
      return own >= 1 && own <= most && most <= 2;
    })
  );
  if (fits) return;
  throw new ImageProblem(
    `expected a CMYK image whose first channel has the most pixels, got sampling factors ${
      factors.map((factor) => `${factor >> 4}×${factor & 15}`).join(", ")
    }; convert it or remove it`,
    at + 8,
  );
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return [...text].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}
