/**
 * JPEG files of any size, for tests.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- a module imported by URL has no import map
import encode, { init } from "npm:@jsquash/jpeg@1.6.0/encode.js";
import { uniform } from "./fill.ts";

const ENCODER = "npm:@jsquash/jpeg@1.6.0/codec/enc/mozjpeg_enc.wasm";

let ready: Promise<void> | undefined;

async function load(): Promise<void> {
  const code = await Deno.readFile(new URL(import.meta.resolve(ENCODER)));
  await init(await WebAssembly.compile(code));
}

/**
 * A photo of coloured discs over slopes and noise: nothing of it is the same when it is turned.
 *
 * @param orientation as EXIF has it; 1 leaves EXIF out
 */
export async function jpegOf(
  width: number,
  height: number,
  { seed = 1, orientation = 1 }: { readonly seed?: number; readonly orientation?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  await (ready ??= load());
  const u = uniform(seed), data = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < width * height; at++) {
    const x = (at % width) / width, y = Math.floor(at / width) / height;
    const disc = Math.floor(4 * u(0)), inside = Math.hypot(x - u(1), y - u(2)) < 0.3;
    for (let c = 0; c < 3; c++) {
      const slope = 200 * (c === 0 ? x : c === 1 ? y : 1 - x);
      data[4 * at + c] = (inside ? 255 * u(3 + (c + disc) % 3) : slope) + 40 * u(100 + 3 * at + c);
    }
    data[4 * at + 3] = 255;
  }
  const file = new Uint8Array(
    await encode({ data, width, height, colorSpace: "srgb" } as ImageData, { quality: 90 }),
  );
  return orientation === 1 ? file : withOrientation(file, orientation);
}

/** The file with EXIF after its first marker. */
function withOrientation(file: Uint8Array, orientation: number): Uint8Array<ArrayBuffer> {
  const tiff = [
    0x4d,
    0x4d,
    0,
    42,
    0,
    0,
    0,
    8,
    0,
    1,
    1,
    0x12,
    0,
    3,
    0,
    0,
    0,
    1,
    0,
    orientation,
    0,
    0,
  ];
  const exif = [...new TextEncoder().encode("Exif\0\0"), ...tiff, 0, 0, 0, 0];
  return new Uint8Array([0xff, 0xd8, 0xff, 0xe1, 0, exif.length + 2, ...exif, ...file.subarray(2)]);
}
