/**
 * Small CIFAR data sets for tests.
 *
 * @module
 */

/** Bytes of an image. */
export const IMAGE = 32 * 32 * 3;

/** A pixel of image `seed` of {@link records}, in plane `channel`. */
export function pixel(seed: number, channel: number, at: number): number {
  return (seed * 7 + channel * 100 + at) % 256;
}

/** A file of records: the label bytes of each, then its planes; images are of seeds from `first`. */
export function records(labels: readonly (readonly number[])[], first: number): Uint8Array {
  const parts = labels.map((own, index) => {
    const planes = Array.from(
      { length: IMAGE },
      (_, at) => pixel(first + index, Math.floor(at / 1024), at % 1024),
    );
    return [...own, ...planes];
  });
  return Uint8Array.from(parts.flat());
}

/** CIFAR-10 with two images a batch, labels 0 to 9, and three test images of seeds 50 to 52. */
export function smallCifar10(): Record<string, Uint8Array> {
  const batches = [0, 1, 2, 3, 4].map((batch) => [
    `data_batch_${batch + 1}.bin`,
    records([[2 * batch], [2 * batch + 1]], 2 * batch),
  ]);
  return { ...Object.fromEntries(batches), "test_batch.bin": records([[9], [0], [4]], 50) };
}

/** CIFAR-100 with three training images of seeds 0 to 2 and one test image. */
export function smallCifar100(): Record<string, Uint8Array> {
  return {
    "train.bin": records([[19, 99], [0, 5], [3, 0]], 0),
    "test.bin": records([[7, 42]], 50),
  };
}
