/**
 * Weights larger than a binding may be (VGG16's first linear layer has 411 MB) are split by rows: the
 * outputs of a part follow those of the part before. Master weights, momentum, gradients and partial
 * sums are always split, so are the copies that convolutions read where they are f32; codes, a
 * quarter as large, stay whole. A file knows nothing of it.
 *
 * @module
 */

/** WebGPU's base limit of a binding: 128 MiB. */
export const MAX_BYTES = 2 ** 27;

/** Some outputs of a weight tensor. */
export interface Shard {
  /** What its buffers are called behind the tensor's name: nothing where it is the whole. */
  readonly suffix: string;
  /** Quads of outputs before it. */
  readonly first: number;
  /** Quads of outputs in it. */
  readonly quads: number;
}

/**
 * The parts of a weight tensor.
 *
 * @param quads of outputs
 * @param bytes of the largest buffer that a quad of outputs needs
 * @param most bytes of a buffer; a part has at least one quad, whatever its size
 */
export function shardsOf(quads: number, bytes: number, most: number): Shard[] {
  const fit = Math.max(1, Math.floor(most / bytes));
  if (fit >= quads) return [{ suffix: "", first: 0, quads }];
  // Kernels take two quads at a time where they can.
  const size = fit - (fit > 1 ? fit % 2 : 0);
  return Array.from({ length: Math.ceil(quads / size) }, (_, i) => ({
    suffix: `.${i}`,
    first: i * size,
    quads: Math.min(size, quads - i * size),
  }));
}
