/**
 * Reads the header of a JPEG file: its segments up to the first scan. Bytes between segments are
 * skipped, as decoders do.
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
    if (isFrame(marker)) frame = readFrame(marker, segment, at);
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

/**
 * Counts scans. A progressive image has about a dozen, each of which passes over all pixels.
 */
export function countScans(bytes: Uint8Array): number {
  let scans = 0;
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xda) scans++;
  }
  return scans;
}

type Frame = Omit<ImageHeader, "orientation" | "pixelsAt">;

/** @param at offset of the segment's length */
function readFrame(marker: number, segment: Uint8Array, at: number): Frame {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  if (segment.length < 6) {
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
  const width = view.getUint16(3), height = view.getUint16(1);
  return { kind: "JPEG", width, height, components, sizeAt: at + 3 };
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return [...text].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}
