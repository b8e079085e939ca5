// deno-lint-ignore-file no-import-prefix -- as everywhere, so that versions are written out
/**
 * Decoders that were candidates for `lib/image`. Nothing of the product imports them.
 *
 * @module
 */
import turbo from "npm:@cwasm/jpeg-turbo@0.1.3";
import decodeJsquashPng from "npm:@jsquash/png@3.1.1/decode.js";
import * as fastPng from "npm:fast-png@8.0.0";
import jpegJs from "npm:jpeg-js@0.4.4";
import upng from "npm:upng-js@2.1.0";

/** From a file to pixels of 3 or 4 bytes. */
export type Decoder = (
  bytes: Uint8Array<ArrayBuffer>,
) => ArrayLike<number> | Promise<ArrayLike<number>>;

/** Through what Deno has built in; pixels come out by way of a BMP file. */
const bitmap: Decoder = async (bytes) => {
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
};

/** Of JPEG. */
export const JPEG_DECODERS: Readonly<Record<string, Decoder>> = {
  "@cwasm/jpeg-turbo 0.1.3": (bytes) => turbo.decode(bytes).data,
  "createImageBitmap": bitmap,
  "jpeg-js 0.4.4": (bytes) => jpegJs.decode(bytes, { useTArray: true, formatAsRGBA: false }).data,
};

/** Of PNG. */
export const PNG_DECODERS: Readonly<Record<string, Decoder>> = {
  "@jsquash/png 3.1.1": async (bytes) => (await decodeJsquashPng(bytes.buffer)).data,
  "createImageBitmap": bitmap,
  "fast-png 8.0.0": (bytes) => fastPng.decode(bytes).data,
  "upng-js 2.1.0": (bytes) => new Uint8Array(upng.toRGBA8(upng.decode(bytes.buffer))[0]!),
};

/** A PNG with the filter of each row that its encoder likes best. */
export function encodePng(
  width: number,
  height: number,
  pixels: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(upng.encode([rgba(pixels).buffer], width, height, 0));
}

function rgba(pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(pixels.length / 3 * 4).fill(255);
  for (let i = 0; i < pixels.length; i++) result[Math.floor(i / 3) * 4 + i % 3] = pixels[i]!;
  return result;
}
