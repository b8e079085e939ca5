/**
 * Weights larger than a binding may be (VGG16's first linear layer has 411 MB) are split by rows: the
 * outputs of a shard follow those of the one before. Master weights, optimizer state, gradients and
 * partial sums are always split, and f32 copies that convolutions read; codes, a quarter as large, are
 * not. Files contain the whole tensor.
 *
 * @module
 */

/** WebGPU's base limit of a binding: 128 MiB. */
export const MAX_BYTES = 2 ** 27;

/** Some outputs of a weight tensor. */
export interface Shard {
  /** End of its buffers' names, after the tensor's name; empty if the tensor is not split. */
  readonly suffix: string;
  /** Quads of outputs before it. */
  readonly first: number;
  /** Quads of outputs in it. */
  readonly quads: number;
}

/**
 * Splits a weight tensor.
 *
 * @param quads number of quads of outputs
 * @param bytes bytes per quad of outputs in the tensor's largest buffer
 * @param most maximum bytes of a buffer; a shard has at least one quad, whatever its size
 */
export function shardsOf(quads: number, bytes: number, most: number): Shard[] {
  const fit = Math.max(1, Math.floor(most / bytes));
  if (fit >= quads) return [{ suffix: "", first: 0, quads }];
  // An even number, as kernels process two quads at a time if they can.
  const size = fit - (fit > 1 ? fit % 2 : 0);
  return Array.from({ length: Math.ceil(quads / size) }, (_, i) => ({
    suffix: `.${i}`,
    first: i * size,
    quads: Math.min(size, quads - i * size),
  }));
}
