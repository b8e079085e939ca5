/**
 * Splits whose images are in memory.
 *
 * @module
 */
import type { LabelledImages, Split } from "./dataset.ts";

/**
 * A split in memory. The arrays are kept, not copied.
 *
 * @throws {RangeError} when the images are not a whole number of bytes per label
 */
export function memorySplit({ images, labels }: LabelledImages): Split {
  const count = labels.length;
  const size = images.length / count;
  if (count === 0 || !Number.isInteger(size)) {
    throw new RangeError(`${images.length} bytes of images do not divide among ${count} labels`);
  }
  return {
    count,
    labels,
    source: { kind: "memory", images, labels },
    read(indices, intoImages, intoLabels) {
      if (intoImages.length < indices.length * size || intoLabels.length < indices.length) {
        throw new RangeError(`no room for ${indices.length} images of ${size} bytes`);
      }
      for (const [position, index] of indices.entries()) {
        if (index >= count) throw new RangeError(`image ${index} of a split of ${count}`);
        intoImages.set(images.subarray(index * size, (index + 1) * size), position * size);
        intoLabels[position] = labels[index]!;
      }
    },
  };
}
