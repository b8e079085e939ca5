/**
 * One batch, read and augmented: the work that is done in the training thread or in a worker, with
 * the same result.
 *
 * @module
 */
import type { Augmenter } from "../augment/augmenter.ts";
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

/** A batch on the host: u8 pixels `[batch, h, w, c]`, and labels. Both end in zeros where images lack. */
export interface LoadedBatch {
  /** Padded to a multiple of 4 bytes. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** One per image. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Images in it. */
  readonly samples: number;
  /** With mixup: for each image, the label of the one that was mixed in. */
  readonly others?: Uint32Array<ArrayBuffer>;
  /** With mixup: what the image's own label weighs, 0 to 1; the other one weighs the rest. */
  readonly weights?: Float32Array<ArrayBuffer>;
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
): Promise<LoadedBatch> {
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
