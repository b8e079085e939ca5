/** Scaling of images: Pillow's bytes, whatever part is wanted. */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import type { Plane } from "../lib/image/pixels.ts";
import { resize, resizeAndCrop } from "../lib/image/resize.ts";

function made(width: number, height: number, channels: number): Plane {
  const pixels = new Uint8Array(width * height * channels);
  for (let at = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        pixels[at++] = (x * x * 3 + y * 7 * (c + 1) + (x * y) % 11 * 20) % 256;
      }
    }
  }
  return { width, height, pixels };
}

/** CRC-32 of what Pillow 12.3 makes: `resize(…, BILINEAR)`, then `crop` around the middle. */
const PILLOW: [w: number, h: number, toH: number, toW: number, colour: number, grey: number][] = [
  [37, 23, 16, 16, 0xb4b2e0c6, 0x589580e0],
  [23, 37, 16, 16, 0x513a653d, 0x101bd2db],
  [37, 23, 64, 64, 0xdd751417, 0x15dcab9f],
  [200, 7, 8, 8, 0xeedc2d4c, 0x8e1aad4a],
  [50, 50, 50, 20, 0x1820cc6a, 0x1320f3cc],
  [41, 29, 9, 30, 0xb6239c2e, 0x153cc806],
  [1, 1, 5, 5, 0xe222f72c, 0xe9cf0e8f],
  [64, 48, 48, 48, 0x4c57e2da, 0x12496fff],
  [48, 64, 48, 48, 0x60722d8c, 0x43c56ce3],
];
for (const [w, h, toH, toW, colour, grey] of PILLOW) {
  Deno.test(`${w}×${h} that just covers ${toW}×${toH}, cut around the middle, is Pillow's`, () => {
    for (const [channels, expected] of [[3, colour], [1, grey]] as const) {
      const { width, height, pixels } = resizeAndCrop(made(w, h, channels), channels, toH, toW);
      assert.deepEqual([width, height, pixels.length], [toW, toH, toW * toH * channels]);
      assert.equal(crc32(pixels), expected);
    }
  });
}

Deno.test("a part of a scaled image is that part of all of it", () => {
  const image = made(61, 47, 3);
  const all = resize(image, 3, 20, 33);
  const part = resize(image, 3, 20, 33, { top: 3, left: 5, height: 11, width: 7 });
  for (let y = 0; y < 11; y++) {
    const from = ((3 + y) * 33 + 5) * 3;
    assert.deepEqual(
      part.pixels.slice(y * 21, (y + 1) * 21),
      all.pixels.slice(from, from + 21),
    );
  }
});

Deno.test("an image of the wanted size is given back itself, and one colour stays that colour", () => {
  const image = made(8, 6, 3);
  assert.equal(resizeAndCrop(image, 3, 6, 8), image);
  const white = { width: 90, height: 70, pixels: new Uint8Array(90 * 70).fill(255) };
  assert.ok(resizeAndCrop(white, 1, 13, 17).pixels.every((value) => value === 255));
});
