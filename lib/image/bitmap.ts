/**
 * Decodes with Deno's built-in decoder: WebP, GIF and BMP, to the same pixels as Pillow, and CMYK and
 * YCCK JPEGs, which {@link decodeJpeg} cannot. The only way to the pixels is through a BMP file.
 *
 * @module
 */
import { ImageProblem } from "./types.ts";

/** Deno 2.9.6 never frees the memory of a canvas: 400 images of 640×480 would leave half a gigabyte. */
let kept: OffscreenCanvas | undefined;
/**
 * Bytes decoded since the event loop had its turn, and how many may be. Deno frees files in memory
 * (`Blob`) in a task: without one, 70 images of 12 megapixels left 4 GB; with one, at most 0.5 GB.
 */
let unfreed = 0;
const MAX_UNFREED = 2 ** 24;

/**
 * Decodes an image, or the first picture of an animation, and turns it as EXIF says. Colours are those
 * that the file holds: no colour profile is applied.
 *
 * @param kind for messages
 * @returns u8, `[height, width, 3]`; transparency is dropped
 * @throws {ImageProblem} when Deno cannot decode it
 */
export async function decodeByBitmap(
  bytes: Uint8Array,
  kind: string,
): Promise<{ width: number; height: number; rgb: Uint8Array<ArrayBuffer> }> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
      colorSpaceConversion: "none",
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw /fill whole buffer|unexpected end/i.test(why)
      ? new ImageProblem(`the ${kind} image ends early; get the file again`, bytes.length)
      : new ImageProblem(`the ${kind} image is damaged (${why}); get the file again`);
  }
  // None waits between these calls, so another image cannot come between them.
  const canvas = kept ??= new OffscreenCanvas(1, 1), context = canvas.getContext("bitmaprenderer")!;
  context.transferFromImageBitmap(bitmap);
  const file = canvas.convertToBlob({ type: "image/bmp" });
  context.transferFromImageBitmap(null);
  const decoded = fromBmp(await (await file).arrayBuffer());
  unfreed += decoded.rgb.length;
  if (unfreed > MAX_UNFREED) {
    unfreed = 0;
    await new Promise((resolve) => setTimeout(resolve));
  }
  return decoded;
}

/** Pixels of a BMP file: rows from the bottom up, padded to 4 bytes, blue first; or one grey byte. */
function fromBmp(file: ArrayBuffer): {
  width: number;
  height: number;
  rgb: Uint8Array<ArrayBuffer>;
} {
  const view = new DataView(file), bytes = new Uint8Array(file);
  const start = view.getUint32(10, true);
  const width = view.getInt32(18, true), height = view.getInt32(22, true);
  const step = view.getUint16(28, true) / 8;
  const row = Math.ceil(width * step / 4) * 4;
  const rgb = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = height - 1; y >= 0; y--) {
    for (let at = start + y * row, x = 0; x < width; x++, at += step) {
      rgb[to++] = bytes[step === 1 ? at : at + 2]!;
      rgb[to++] = bytes[step === 1 ? at : at + 1]!;
      rgb[to++] = bytes[at]!;
    }
  }
  return { width, height, rgb };
}
