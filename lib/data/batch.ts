/**
 * A batch of images on the host, and how it is read and augmented: in the training thread or in a
 * worker, with the same result.
 *
 * @module
 */
import type { Augmenter } from "./augment/augmenter.ts";
import type { Split } from "./dataset.ts";

/** Images and labels of one batch. The arrays have room for a whole batch and end in zeros. */
export interface Batch {
  /** u8 pixels `[n, h, w, c]`, padded to a multiple of 4 bytes. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** One label per image. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Number of images that count; the rest is padding. */
  readonly samples: number;
  /** With mixup: for each image, the label of the one mixed into it. */
  readonly others?: Uint32Array<ArrayBuffer>;
  /** With mixup: weight of an image's own label, 0 to 1; the other label has the rest. */
  readonly weights?: Float32Array<ArrayBuffer>;
}

/** Which images a batch is made of. A plain value. */
export interface BatchRequest {
  /** Indices of the images, at most `batch`. */
  readonly indices: Uint32Array<ArrayBuffer>;
  /** Number of images that the arrays have room for. */
  readonly batch: number;
  /** Epoch to augment for, from 0; `undefined`: images are not augmented. */
  readonly epoch?: number;
}

/** Bytes rounded up: WebGPU writes buffers in multiples of 4 bytes. */
const padded = (bytes: number) => Math.ceil(bytes / 4) * 4;

/**
 * Reads and augments a batch.
 *
 * @param shape of one image
 * @param onImage called before each image that is read by itself
 */
export async function readBatch(
  split: Split,
  shape: readonly [h: number, w: number, c: number],
  { indices, batch, epoch }: BatchRequest,
  augmenter?: Augmenter,
  onImage: (index: number) => void = () => {},
): Promise<Batch> {
  const [h, w, c] = shape, size = h * w * c, samples = indices.length;
  const images = new Uint8Array(padded(batch * size)), labels = new Uint32Array(batch);
  const used = images.subarray(0, samples * size), own = labels.subarray(0, samples);
  if (!augmenter || augmenter.isEmpty || epoch === undefined) {
    await readScaled(split, size, indices, used, own, onImage);
    return { images, labels, samples };
  }
  const stored = augmenter.anySize && split.image !== undefined;
  if (stored) indices.forEach((index, at) => own[at] = split.labels[index]!);
  else await readScaled(split, size, indices, used, own, onImage);
  for (const [at, index] of indices.entries()) {
    const scaled = used.subarray(at * size, (at + 1) * size);
    if (stored) onImage(index);
    const image = stored ? await split.image!(index) : { data: scaled, h, w, c };
    const { data } = augmenter.image(image, index, epoch);
    if (data !== scaled) scaled.set(data);
  }
  const mixed = augmenter.batch(used, own, indices, epoch);
  if (!mixed) return { images, labels, samples };
  const others = new Uint32Array(batch), weights = new Float32Array(batch).fill(1);
  others.set(mixed.others);
  weights.set(mixed.weights);
  return { images, labels, samples, others, weights };
}

/** Reads images at the data set's shape; files one by one, so that `onImage` tells each of them. */
async function readScaled(
  split: Split,
  size: number,
  indices: Uint32Array,
  images: Uint8Array,
  labels: Uint32Array,
  onImage: (index: number) => void,
): Promise<void> {
  if (!split.image) return await split.read(indices, images, labels);
  for (const [at, index] of indices.entries()) {
    onImage(index);
    const image = images.subarray(at * size, (at + 1) * size);
    await split.read(indices.subarray(at, at + 1), image, labels.subarray(at, at + 1));
  }
}
