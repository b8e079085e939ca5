/**
 * A grid of training images as the network gets them, as PNG.
 *
 * @module
 */
import { encodePng } from "../../image/png_encode.ts";
import type { DataLoader } from "../loader.ts";
import { epochOrder } from "../sampler.ts";

/** Images in a row and in a column. */
const SIDE = 8;
/** Pixels between two images. */
const GAP = 2;
/** Smaller images are magnified: every pixel becomes a square. */
const MIN_SIDE = 64;

/**
 * The PNG file of the first images of the first epoch, augmented: 64 at most, 8 in a row. Of two
 * channels the first is shown, of four the first three.
 *
 * @param seed of the run
 * @throws {DataError} when an image cannot be read
 */
export async function previewPng(
  loader: DataLoader,
  seed: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { shape: [h, w, c], train } = loader.data;
  const indices = epochOrder(train.count, seed, 0).slice(0, SIDE * SIDE), count = indices.length;
  const { images } = await loader.read("train", { indices, batch: count, epoch: 0 });
  const zoom = Math.max(1, Math.round(MIN_SIDE / Math.min(h, w))), shown = c >= 3 ? 3 : 1;
  const columns = Math.min(SIDE, count), rows = Math.ceil(count / SIDE);
  const width = columns * (w * zoom + GAP) + GAP, height = rows * (h * zoom + GAP) + GAP;
  const grid = new Uint8Array(height * width * shown).fill(255);
  for (let index = 0; index < count; index++) {
    const top = Math.floor(index / SIDE) * (h * zoom + GAP) + GAP;
    const left = index % SIDE * (w * zoom + GAP) + GAP;
    for (let y = 0; y < h * zoom; y++) {
      const from = (index * h + Math.floor(y / zoom)) * w;
      for (let x = 0; x < w * zoom; x++) {
        const pixel = (from + Math.floor(x / zoom)) * c;
        const at = ((top + y) * width + left + x) * shown;
        for (let channel = 0; channel < shown; channel++) {
          grid[at + channel] = images[pixel + channel]!;
        }
      }
    }
  }
  return encodePng(grid, height, width, shown);
}
