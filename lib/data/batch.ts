/**
 * A batch of images on the host: what a data loader yields and a training step takes.
 *
 * @module
 */

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
