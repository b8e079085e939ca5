/**
 * Small images for tests: JPEGs made once with Pillow, with the CRC-32 of the RGB pixels that it
 * decodes them to; PNGs of every kind, written here.
 *
 * @module
 */
import { crc32, deflateSync } from "node:zlib";

/** 20×12 pixels. */
export const JPEGS: Readonly<Record<string, { readonly file: string; readonly pixels: number }>> = {
  colour: {
    pixels: 1544741345,
    file:
      "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAMABQDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABQAG/8QAHBAAAgIDAQEAAAAAAAAAAAAAAAQDIgEFITES/8QAFgEBAQEAAAAAAAAAAAAAAAAAAwQG/8QAHBEAAgICAwAAAAAAAAAAAAAAAAIBBQMEERMh/9oADAMBAAIRAxEAPwDKK6nyourqfKjaq0XKi6y0XKhJmkDQsX8AY9TTFSNjGtF8YqRR3SaVbF+D/9k=",
  },
  progressive: {
    pixels: 1544741345,
    file:
      "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wgARCAAMABQDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABAAF/8QAFgEBAQEAAAAAAAAAAAAAAAAAAwIF/9oADAMBAAIQAxAAAAHJY1kGC2JNP//EABcQAAMBAAAAAAAAAAAAAAAAAAABAgP/2gAIAQEAAQUCnInIWRMomUKUf//EABcRAAMBAAAAAAAAAAAAAAAAAAABBAP/2gAIAQMBAT8BwoYqGf/EABcRAQADAAAAAAAAAAAAAAAAAAABAhL/2gAIAQIBAT8Bi7b/xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAY/Al//xAAZEAEAAwEBAAAAAAAAAAAAAAAAMVFhESH/2gAIAQEAAT8hzZvGFRQcEP/aAAwDAQACAAMAAAAQrO//xAAWEQEBAQAAAAAAAAAAAAAAAAAAESH/2gAIAQMBAT8Qzo3/xAAWEQEBAQAAAAAAAAAAAAAAAAAAARH/2gAIAQIBAT8Qs0//xAAXEAEBAQEAAAAAAAAAAAAAAAAAITER/9oACAEBAAE/EMDAhIyc45//2Q==",
  },
  grey: {
    pixels: 1195265365,
    file:
      "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//wAALCAAMABQBAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABQMG/8QAHBAAAQQDAQAAAAAAAAAAAAAABAADBSIBITES/9oACAEBAAA/AMoLE8qlxYnlUo3E0xVXFGa1VLjDNaqk2xmvGKr/2Q==",
  },
  cmyk: {
    pixels: 2293688154,
    file:
      "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwANCQoLCggNCwoLDg4NDxMgFRMSEhMnHB4XIC4pMTAuKS0sMzpKPjM2RjcsLUBXQUZMTlJTUjI+WmFaUGBKUVJP/8AAFAgADAAUBEMRAE0RAFkRAEsRAP/EABgAAQADAQAAAAAAAAAAAAAAAAYABAUH/8QAJBAAAQIDCQEBAAAAAAAAAAAAAAMEAQIhBRQWMTNCUmKhEyP/2gAOBEMATQBZAEsAAD8AaWxuEeJO/owfPc6nSlAJbG4mJO/odfPc6lVQGuteJMSd/TBWe/pGpXmzO22xuOWX9xzEb5WetTSUAlsbiX9xzDj5WetSqoDXWvEl/cczCWVn+kalebM//9k=",
  },
  ycck: {
    pixels: 1175383758,
    file:
      "/9j/7gAOQWRvYmUAZAAAAAAC/9sAQwANCQoLCggNCwoLDg4NDxMgFRMSEhMnHB4XIC4pMTAuKS0sMzpKPjM2RjcsLUBXQUZMTlJTUjI+WmFaUGBKUVJP/8AAFAgADAAUBEMRAE0RAFkRAEsRAP/EABgAAQADAQAAAAAAAAAAAAAAAAYABAUH/8QAJBAAAQIDCQEBAAAAAAAAAAAAAAMEAQIhBRQWMTNCUmKhEyP/2gAOBEMATQBZAEsAAD8AaWxuEeJO/owfPc6nSlAJbG4mJO/odfPc6lVQGuteJMSd/TBWe/pGpXmzO22xuOWX9xzEb5WetTSUAlsbiX9xzDj5WetSqoDXWvEl/cczCWVn+kalebM//9k=",
  },
};

/** The bytes of one of {@link JPEGS}. */
export function jpeg(name: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(JPEGS[name]!.file), (letter) => letter.charCodeAt(0));
}

/** A JPEG with an EXIF block that says nothing but its orientation. */
export function turnedJpeg(name: string, orientation: number): Uint8Array<ArrayBuffer> {
  const exif = [
    ...[0xff, 0xe1, 0, 34, ...ascii("Exif\0\0MM\0*"), 0, 0, 0, 8],
    ...[0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0],
  ];
  const bytes = jpeg(name);
  return Uint8Array.from([...bytes.subarray(0, 2), ...exif, ...bytes.subarray(2)]);
}

/** What a PNG is written from. */
export interface PngParts {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample, 8 unless given. */
  readonly depth?: number;
  /** 0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha; 2 unless given. */
  readonly colour?: number;
  /** Adam7. */
  readonly interlaced?: boolean;
  /** Filter of a row, by its number; 0 unless given. */
  readonly filter?: (row: number) => number;
  /** A sample, below 2^depth. */
  readonly sample: (x: number, y: number, c: number) => number;
  /** RGB colours of the palette. */
  readonly palette?: readonly number[];
}

const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Writes a PNG. */
export function png(parts: PngParts): Uint8Array<ArrayBuffer> {
  const { width, height, depth = 8, colour = 2, interlaced = false, palette } = parts;
  const rows: number[] = [];
  for (const [x, y, right, down] of interlaced ? PASSES : [[0, 0, 1, 1]] as const) {
    let above: number[] = [];
    for (let row = y; row < height && x < width; row += down) {
      const line = packRow(parts, x, right, row);
      const filter = parts.filter?.(row) ?? 0;
      rows.push(
        filter,
        ...filtered(line, above, filter, Math.max(SAMPLES[colour]! * depth >> 3, 1)),
      );
      above = line;
    }
  }
  return pngOf(
    [...u32(width), ...u32(height), depth, colour, 0, 0, Number(interlaced)],
    deflateSync(Uint8Array.from(rows)),
    palette,
  );
}

/** A PNG of any header and any data, whether they fit or not. */
export function pngOf(
  header: readonly number[],
  data: Uint8Array,
  palette?: readonly number[],
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0x89, ...ascii("PNG\r\n\x1a\n")],
    ...chunk("IHDR", header),
    ...(palette ? chunk("PLTE", palette) : []),
    // Two chunks, as data may be split anywhere.
    ...chunk("IDAT", [...data.subarray(0, 3)]),
    ...chunk("IDAT", [...data.subarray(3)]),
    ...chunk("IEND", []),
  ]);
}

function packRow(
  { width, depth = 8, colour = 2, sample }: PngParts,
  first: number,
  right: number,
  row: number,
): number[] {
  let bits = "";
  for (let x = first; x < width; x += right) {
    for (let c = 0; c < SAMPLES[colour]!; c++) {
      bits += sample(x, row, c).toString(2).padStart(depth, "0");
    }
  }
  const bytes = [];
  for (let at = 0; at < bits.length; at += 8) {
    bytes.push(parseInt(bits.slice(at, at + 8).padEnd(8, "0"), 2));
  }
  return bytes;
}

function filtered(line: number[], above: number[], filter: number, back: number): number[] {
  return line.map((value, i) => {
    const a = line[i - back] ?? 0, b = above[i] ?? 0, c = above[i - back] ?? 0;
    const p = a + b - c, [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
    const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    return (value - [0, a, b, (a + b) >> 1, paeth][filter]!) & 255;
  });
}

function chunk(type: string, data: readonly number[]): number[] {
  const typed = Uint8Array.from([...ascii(type), ...data]);
  return [...u32(data.length), ...typed, ...u32(crc32(typed))];
}

function u32(value: number): number[] {
  return [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
}

function ascii(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0));
}
