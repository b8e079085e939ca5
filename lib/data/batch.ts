/**
 * A batch of images on the host, and how it is read and augmented: in the training thread or in a
 * worker, with the same result.
 *
 * @module
 */
import type { MixedLabels } from "./augment/augmentation.ts";
import type { Augmenter } from "./augment/augmenter.ts";
import type { Split } from "./dataset.ts";

/** Images and labels of one batch. The arrays have room for a whole batch and end in zeros. */
export interface Batch {
  /**
   * u8 pixels `[n, h, w, c]`, padded to a multiple of 4 bytes. Of a share of a batch, only those of the
   * rank's micro-batches, one after the other; all else is that of the whole batch.
   */
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

/** The micro-batches of a batch that one of several ranks computes: every `size`-th from `rank` on. */
export interface BatchShare {
  /** The rank, from 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** Images of a micro-batch. */
  readonly micro: number;
}

/** Which images a batch is made of. A plain value. */
export interface BatchRequest {
  /** Indices of the images, at most `batch`. */
  readonly indices: Uint32Array<ArrayBuffer>;
  /** Number of images that the arrays have room for. */
  readonly batch: number;
  /** Epoch to augment for, from 0; `undefined`: images are not augmented. */
  readonly epoch?: number;
  /** Whose images are read; all by default. */
  readonly share?: BatchShare;
}

/** Bytes rounded up: WebGPU writes buffers in multiples of 4 bytes. */
const padded = (bytes: number) => Math.ceil(bytes / 4) * 4;

/**
 * Reads and augments a batch, or a rank's share of it.
 *
 * @param shape of one image
 * @param onImage called before each image that is read by itself
 */
export function readBatch(
  split: Split,
  shape: readonly [h: number, w: number, c: number],
  request: BatchRequest,
  augmenter?: Augmenter,
  onImage?: (index: number) => void,
): Promise<Batch> {
  const { share } = request;
  return share && share.size > 1
    ? readShare(split, shape, request, share, augmenter, onImage)
    : readWhole(split, shape, request, augmenter, onImage);
}

/** Reads a rank's micro-batches: the same bytes as in the whole batch. */
async function readShare(
  split: Split,
  shape: readonly [h: number, w: number, c: number],
  { indices, batch, epoch }: BatchRequest,
  { rank, size: ranks, micro }: BatchShare,
  augmenter?: Augmenter,
  onImage?: (index: number) => void,
): Promise<Batch> {
  const size = shape.reduce((a, b) => a * b), samples = indices.length;
  const rounds = Math.max(0, Math.ceil((Math.ceil(batch / micro) - rank) / ranks));
  const images = new Uint8Array(padded(rounds * micro * size)), labels = new Uint32Array(batch);
  const augments = augmenter && epoch !== undefined ? augmenter : undefined;
  // An image may be mixed with those that follow it, which mostly are another rank's: they are read too.
  const reach = augments?.reach ?? 0;
  for (let round = 0; round < rounds; round++) {
    const first = (round * ranks + rank) * micro, own = Math.min(micro, samples - first);
    if (own <= 0) break;
    const near = Uint32Array.from(
      { length: own + reach },
      (_, i) => indices[(first + i) % samples]!,
    );
    const request = { indices: near, batch: near.length, ...(augments ? { epoch: epoch! } : {}) };
    const read = await readWhole(split, shape, request, augments, onImage);
    images.set(read.images.subarray(0, own * size), round * micro * size);
  }
  indices.forEach((index, at) => labels[at] = split.labels[index]!);
  const mixed = augments?.mixedLabels(labels.subarray(0, samples), indices, epoch!);
  return { images, labels, samples, ...padMixed(mixed, batch) };
}

/** Second labels and weights with room for a whole batch. */
function padMixed(
  mixed: MixedLabels | undefined,
  batch: number,
): Required<Pick<Batch, "others" | "weights">> | undefined {
  if (!mixed) return undefined;
  const others = new Uint32Array(batch), weights = new Float32Array(batch).fill(1);
  others.set(mixed.others);
  weights.set(mixed.weights);
  return { others, weights };
}

async function readWhole(
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
  return { images, labels, samples, ...padMixed(mixed, batch) };
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
