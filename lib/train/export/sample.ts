/**
 * Test images to measure a file with: all of them, or some spread evenly over them, as folders come
 * class by class.
 *
 * @module
 */
import type { Batch } from "../../data/batch.ts";
import type { DataLoader } from "../../data/loader.ts";

/** Reads `count` of the test images in batches. */
export async function* sampleTestImages(
  loader: DataLoader,
  count: number,
  batch: number,
): AsyncGenerator<Batch> {
  const { count: all } = loader.data.test;
  const read = (first: number) => {
    const length = Math.min(batch, count - first);
    const indices = Uint32Array.from(
      { length },
      (_, i) => Math.floor((first + i) * all / count),
    );
    const reading = loader.read("test", { indices, batch });
    reading.catch(() => {}); // Avoids an unhandled rejection; who awaits the batch gets the error.
    return reading;
  };
  let next = read(0);
  for (let first = 0; first < count; first += batch) {
    const current = await next;
    if (first + batch < count) next = read(first + batch); // Read while this one is computed.
    yield current;
  }
}
