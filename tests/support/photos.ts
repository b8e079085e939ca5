/**
 * Small photos of coloured shapes, made by the test: PNG files in a folder for each class.
 *
 * @module
 */
import { crc32, deflateSync } from "node:zlib";
import { uniform } from "./fill.ts";

/** A PNG file of 8 bits a channel, unfiltered: u8 `[h, w, c]`, c 1 or 3. */
export function pngOf(
  pixels: Uint8Array,
  [h, w, c]: readonly [number, number, number],
): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(h * (1 + w * c));
  for (let y = 0; y < h; y++) {
    rows.set(pixels.subarray(y * w * c, (y + 1) * w * c), y * (1 + w * c) + 1);
  }
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, w);
  header.setUint32(4, h);
  header.setUint8(8, 8);
  header.setUint8(9, c === 1 ? 0 : 2);
  const chunk = (type: string, data: Uint8Array) => {
    const typed = new Uint8Array([...new TextEncoder().encode(type), ...data]);
    const length = new DataView(new ArrayBuffer(4)), sum = new DataView(new ArrayBuffer(4));
    length.setUint32(0, data.length);
    sum.setUint32(0, crc32(typed));
    return [...new Uint8Array(length.buffer), ...typed, ...new Uint8Array(sum.buffer)];
  };
  return new Uint8Array([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", new Uint8Array(header.buffer)),
    ...chunk("IDAT", new Uint8Array(deflateSync(rows))),
    ...chunk("IEND", new Uint8Array(0)),
  ]);
}

/** What there is to tell apart. */
export const SHAPES = ["bar", "disc", "frame", "square"] as const;

/**
 * A photo of one shape on a noisy ground, somewhere, in some colour.
 *
 * @param index another photo for each
 */
export function photo(shape: (typeof SHAPES)[number], index: number, side = 24): Uint8Array {
  const u = uniform(1000 * SHAPES.indexOf(shape) + index), pixels = new Uint8Array(side * side * 3);
  const x0 = side * (0.35 + 0.3 * u(0)),
    y0 = side * (0.35 + 0.3 * u(1)),
    r = side * (0.2 + 0.1 * u(2));
  const colour = [u(3), u(4), u(5)], light = 100 + 155 * u(6);
  for (let at = 0; at < side * side; at++) {
    const x = Math.abs(at % side - x0),
      y = Math.abs(Math.floor(at / side) - y0),
      far = Math.max(x, y);
    const inside = {
      bar: y < r / 3,
      disc: Math.hypot(x, y) < r,
      frame: far < r && far > 0.6 * r,
      square: far < r,
    }[shape];
    for (let c = 0; c < 3; c++) {
      const noise = 30 * u(10 + 3 * at + c);
      pixels[3 * at + c] = inside ? light * (0.5 + 0.5 * colour[c]!) : noise;
    }
  }
  return pixels;
}

/** Writes `train/CLASS/N.png` and `val/CLASS/N.png`. */
export async function writePhotos(
  root: string,
  classes: readonly (typeof SHAPES)[number][],
  { train, val, side = 24 }: {
    readonly train: number;
    readonly val: number;
    readonly side?: number;
  },
): Promise<void> {
  for (const [split, count, first] of [["train", train, 0], ["val", val, 500]] as const) {
    for (const shape of classes) {
      await Deno.mkdir(`${root}/${split}/${shape}`, { recursive: true });
      for (let i = 0; i < count; i++) {
        const bytes = pngOf(photo(shape, first + i, side), [side, side, 3]);
        await Deno.writeFile(`${root}/${split}/${shape}/${i}.png`, bytes);
      }
    }
  }
}
