/**
 * Writes PNG files: 8 bits a channel, no filters, no interlacing.
 *
 * @module
 */
import { crc32 } from "node:zlib";

/** PNG's colour type for 1 to 4 channels: grey, grey and alpha, RGB, RGBA. */
const COLOUR_TYPES = [0, 4, 2, 6];

/** What a file of {@link encodePng} says of its origin, within its first 100 bytes. */
const SIGNATURE = "Software\0qtrain";

/** Whether a file, of which these are the first bytes, was written by {@link encodePng}. */
export function isOwnPng(head: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(head.subarray(0, 100)).includes(`tEXt${SIGNATURE}`);
}

/**
 * Encodes an image as a PNG file.
 *
 * @param pixels u8, `[height, width, channels]`, row-major; 2 and 4 channels end in alpha
 */
export async function encodePng(
  pixels: Uint8Array,
  height: number,
  width: number,
  channels: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, COLOUR_TYPES[channels - 1]!);
  // Every row starts with its filter: 0 is none.
  const line = width * channels, rows = new Uint8Array(height * (line + 1));
  for (let row = 0; row < height; row++) {
    rows.set(pixels.subarray(row * line, (row + 1) * line), row * (line + 1) + 1);
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("tEXt", new TextEncoder().encode(SIGNATURE)),
    chunk("IDAT", new Uint8Array(await new Response(packed).arrayBuffer())),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Returns a chunk: length, type, data, and the checksum of type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length), view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
