/**
 * The corpus `jpeg-edge-cases`: odd and broken JPEGs, of which Pillow's pixels are known by their
 * checksum. It is looked for in `QTRAIN_TEST_DATA` and in `../shared/data`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { basename } from "node:path";
import { decodeImage } from "../lib/image/decode.ts";
import { ROOT } from "./support/command.ts";

/** CRC-32 of RGB pixels from Pillow 12.3, turned as EXIF says; of the last file where it may be cut. */
const PILLOW: Readonly<Record<string, number>> = {
  "app13-multiple.jpg": 0x4902627d,
  "app13.jpg": 0xf441fa98,
  "broken_exif_dpi.jpg": 0x78d0ff9e,
  "exif-72dpi-int.jpg": 0xaa3cae20,
  "exif_gps_typeerror.jpg": 0x42d0862a,
  "flower.jpg": 0x7bc11914,
  "flower2.jpg": 0x38fa8804,
  "hopper.jpg": 0x9a292e3e,
  "hopper_16bit_qtables.jpg": 0x2dd7843c,
  "hopper_gray.jpg": 0x7af19e35,
  "hopper_orientation_2.jpg": 0x466388f7,
  "hopper_orientation_3.jpg": 0x466388f7,
  "hopper_orientation_4.jpg": 0x69f0078e,
  "hopper_orientation_5.jpg": 0x2e705e79,
  "hopper_orientation_6.jpg": 0x2e705e79,
  "hopper_orientation_7.jpg": 0xca5eb7a9,
  "hopper_orientation_8.jpg": 0xca5eb7a9,
  "icc-after-SOF.jpg": 0xb5348fd2,
  "invalid-exif.jpg": 0x12603fb3,
  "iptc.jpg": 0x9e331d73,
  "jpeg_ff00_header.jpg": 0x38fa8804,
  "junk_jpeg_header.jpg": 0xaefa9366,
  "multiple_exif.jpg": 0xff41d912,
  "pil_sample_rgb.jpg": 0x2bcac30b,
  "rgb.jpg": 0x0fdb2125,
  "truncated_app14.jpg": 0x2bcac30b,
  "truncated_exif_dpi.jpg": 0x28b67291,
  "truncated_jpeg.jpg": 0x6137192e,
};

/** What is warned of. Rows of the second file are lost: what stands there is anybody's guess. */
const WARNED: Readonly<Record<string, RegExp>> = {
  "hopper_bad_exif.jpg": /^Corrupt JPEG data: 1215 extraneous bytes/,
  "jpeg_ff00_header.jpg": /^Corrupt JPEG data: 4 extraneous bytes/,
  "junk_jpeg_header.jpg": /^Corrupt JPEG data: 5 extraneous bytes/,
  "truncated_app14.jpg": /^Corrupt JPEG data: 1 extraneous bytes/,
  "truncated_jpeg.jpg": /^the end of the file is missing; all of its pixels are there$/,
};

/** The one CMYK file: mean RGB of each cell of 10×10 pixels as `jpeg-js` 0.4.4 decodes it, row by row. */
const CMYK = {
  name: "pil_sample_cmyk.jpg",
  means: "gAkOZwgMAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQE" +
    "AQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQECgUFuQ0UYQoNZQkNsgwTOAcJXwkNigsQigsRAQQE" +
    "CAUFvQ0UhAsQRwgLtA0UKgYHXwkNgwoPrwwTBAUFCgUFfwoPUggMQwgKfAoOJwYITAgLXwkMTggLAQQE" +
    "AQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQE" +
    "AQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQEAQQE",
};

interface Listed {
  readonly path: string;
  readonly width: number;
  readonly height: number;
}

async function corpus(): Promise<Listed[]> {
  const places = [Deno.env.get("QTRAIN_TEST_DATA"), `${ROOT}../shared/data`].filter((p) => !!p);
  for (const place of places) {
    const folder = `${place}/jpeg-edge-cases`;
    const index = await Deno.readTextFile(`${folder}/INDEX.tsv`).catch(() => undefined);
    if (index === undefined) continue;
    const [head, ...lines] = index.trim().split("\n").map((line) => line.split("\t"));
    const column = (line: string[], name: string) => line[head!.indexOf(name)]!;
    return lines.map((line) => ({
      path: `${folder}/${column(line, "file")}`,
      width: Number(column(line, "width")),
      height: Number(column(line, "height")),
    }));
  }
  console.log(`jpeg-edge-cases is in none of ${places.join(", ")}: its tests are left out`);
  return [];
}

for (const { path, width, height } of await corpus()) {
  const name = basename(path);
  Deno.test(`${name} of the corpus gives Pillow's pixels`, async () => {
    const bytes = await Deno.readFile(path);
    const image = await decodeImage(bytes, path);
    assert.deepEqual([image.width, image.height], [width, height]);
    assert.match(image.warning ?? "", WARNED[name] ?? /^$/);
    if (PILLOW[name] !== undefined) assert.equal(crc32(image.pixels), PILLOW[name]);
    await compareWithAnother(name, bytes, image);
  });
}

/**
 * Deno's own decoder scales colour up and rounds in another way: nearly all of its pixels are within
 * 2 levels of ours. Of CMYK, which our decoder leaves to it, `jpeg-js` is the check.
 */
async function compareWithAnother(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  { pixels, width }: { readonly pixels: Uint8Array; readonly width: number },
): Promise<void> {
  if (name === CMYK.name) return compareMeans(pixels, width);
  assert.doesNotMatch(name, /cmyk/);
  // Of 4×4 pixels, Deno's makes other colours than all others.
  if (name === "app13.jpg") return;
  let other: Uint8Array;
  try {
    other = await decodeBitmap(bytes);
  } catch {
    // It refuses what libjpeg only warns of.
    assert.ok(WARNED[name], `${name}: refused by the other decoder`);
    return;
  }
  assert.equal(other.length, pixels.length);
  let over = 0, most = 0;
  for (let i = 0; i < pixels.length; i++) {
    const difference = Math.abs(other[i]! - pixels[i]!);
    if (difference > 2) over++;
    most = Math.max(most, difference);
  }
  // 16-bit tables: quantized so coarsely that colours jump.
  const share = name.includes("16bit") ? 0.08 : 0.02;
  assert.ok(over <= share * pixels.length, `${over} of ${pixels.length} over 2 levels apart`);
  assert.ok(most <= 40, `${most} levels apart`);
}

/** The mean colour of each cell of 10×10 pixels is that of `jpeg-js`, within 2 levels. */
function compareMeans(pixels: Uint8Array, width: number): void {
  const means = Uint8Array.fromBase64(CMYK.means), cells = width / 10;
  const sums = new Float64Array(means.length);
  for (let i = 0; i < pixels.length; i++) {
    const at = Math.floor(i / 3), x = at % width, y = Math.floor(at / width);
    const cell = Math.floor(y / 10) * cells + Math.floor(x / 10);
    sums[3 * cell + i % 3]! += pixels[i]! / 100;
  }
  const most = Math.max(...means.map((mean, i) => Math.abs(mean - sums[i]!)));
  assert.ok(most <= 2, `${most} levels apart`);
}

/** RGB pixels by Deno's own decoder, by way of a BMP file. */
async function decodeBitmap(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const image = await createImageBitmap(new Blob([bytes]));
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(image);
  const file = await (await canvas.convertToBlob({ type: "image/bmp" })).bytes();
  const view = new DataView(file.buffer);
  const start = view.getUint32(10, true);
  const width = view.getInt32(18, true), height = view.getInt32(22, true);
  const step = view.getUint16(28, true) / 8, row = Math.ceil(width * step / 4) * 4;
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = start + (height - 1 - y) * row + x * step;
      for (let c = 0; c < 3; c++) pixels[to++] = file[step === 1 ? at : at + 2 - c]!;
    }
  }
  return pixels;
}
