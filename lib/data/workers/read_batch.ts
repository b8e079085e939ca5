/**
 * One batch, read and augmented: the work that is done in the training thread or in a worker, with
 * the same result.
 *
 * @module
 */
import type { Augmenter } from "../augment/augmenter.ts";
import type { Batch } from "../batch.ts";
import type { Split } from "../dataset.ts";

/** What a batch is made of. A plain value. */
export interface BatchRequest {
  /** Which images, at most `batch` of them. */
  readonly indices: Uint32Array<ArrayBuffer>;
  /** Images that the arrays have room for. */
  readonly batch: number;
  /** From 0; undefined: images as they are, without augmentation. */
  readonly epoch?: number;
}

/** Bytes rounded up so that a buffer may be written: WebGPU wants multiples of 4. */
const padded = (bytes: number) => Math.ceil(bytes / 4) * 4;

/**
 * Reads and augments a batch.
 *
 * @param shape of one image
 * @param began hears of every image that is about to be read alone
 */
export async function readBatch(
  split: Split,
  shape: readonly [h: number, w: number, c: number],
  { indices, batch, epoch }: BatchRequest,
  augmenter?: Augmenter,
  began: (index: number) => void = () => {},
): Promise<Batch> {
  const [h, w, c] = shape, size = h * w * c, samples = indices.length;
  const images = new Uint8Array(padded(batch * size)), labels = new Uint32Array(batch);
  const used = images.subarray(0, samples * size), own = labels.subarray(0, samples);
  // One by one where they are files, so that a slow one is not taken for a worker that hangs.
  const readEach = async () => {
    if (!split.image) return await split.read(indices, used, own);
    for (const [at, index] of indices.entries()) {
      began(index);
      const place = used.subarray(at * size, (at + 1) * size);
      await split.read(indices.subarray(at, at + 1), place, own.subarray(at, at + 1));
    }
  };
  if (!augmenter || augmenter.isEmpty || epoch === undefined) {
    await readEach();
    return { images, labels, samples };
  }
  const whole = augmenter.anySize && split.image;
  if (whole) indices.forEach((index, at) => own[at] = split.labels[index]!);
  else await readEach();
  for (const [at, index] of indices.entries()) {
    const place = used.subarray(at * size, (at + 1) * size);
    if (whole) began(index);
    const image = whole ? await split.image!(index) : { data: place, h, w, c };
    const { data } = augmenter.image(image, index, epoch);
    if (data !== place) place.set(data);
  }
  const mixed = augmenter.batch(used, own, indices, epoch);
  if (!mixed) return { images, labels, samples };
  const others = new Uint32Array(batch), weights = new Float32Array(batch).fill(1);
  others.set(mixed.others);
  weights.set(mixed.weights);
  return { images, labels, samples, others, weights };
}
