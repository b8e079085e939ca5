/**
 * Labels from a NumPy array of whole numbers.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { NpyArray } from "./npy.ts";

/** Labels are below this. */
const MAX_CLASSES = 65536;

/**
 * The labels of an array of any integer type, `[n]` or `[n, 1]`.
 *
 * @param classes number of classes, which every label is below; 0: the data decides
 * @throws {DataError} when it contains anything else
 */
export function npyLabels(array: NpyArray, classes: number): Uint32Array {
  const { location: place, type, dims, body, header, offset } = array;
  const [count = 0, ...rest] = dims;
  if (dims.length === 0 || rest.length > 1 || (rest[0] ?? 1) !== 1) {
    throw new DataError(
      `${place}: byte ${header}: expected labels [n] or [n, 1], got ${shapeText(dims)}; ` +
        `save one whole number for each image (numpy.argmax(y, axis=1) of one-hot labels)`,
    );
  }
  const read = elementReader(body, type);
  if (!read) {
    throw new DataError(
      `${place}: byte ${header}: expected labels of an integer type, got ${type}; ` +
        `save y.astype("int64"), a whole number from 0 for each class`,
    );
  }
  const labels = new Uint32Array(count);
  const width = count === 0 ? 0 : body.length / count;
  for (let index = 0; index < count; index++) {
    const label = read(index * width);
    if (label < 0 || label >= (classes || MAX_CLASSES)) {
      const expected = classes === 0
        ? `a label from 0 to ${MAX_CLASSES - 1}`
        : `a label from 0 to ${classes - 1}, as there are ${classes} classes`;
      throw new DataError(
        `${place}: byte ${offset + index * width}: expected ${expected}, ` +
          `got ${label} at image ${index}; correct data.classes or the file`,
      );
    }
    labels[index] = label;
  }
  return labels;
}

/** `(60000, 28, 28)`, as NumPy writes a shape. */
export function shapeText(dims: readonly number[]): string {
  return `(${dims.join(", ")}${dims.length === 1 ? "," : ""})`;
}

/** Reads a whole number at an offset in bytes. */
type Reader = (at: number) => number;

function elementReader(body: Uint8Array, type: string): Reader | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const little = !type.startsWith(">");
  const readers: Record<string, Reader> = {
    u1: (at) => view.getUint8(at),
    i1: (at) => view.getInt8(at),
    u2: (at) => view.getUint16(at, little),
    i2: (at) => view.getInt16(at, little),
    u4: (at) => view.getUint32(at, little),
    i4: (at) => view.getInt32(at, little),
    u8: (at) => Number(view.getBigUint64(at, little)),
    i8: (at) => Number(view.getBigInt64(at, little)),
  };
  const found = /^[<>|=]?([iu][1248])$/.exec(type);
  return found ? readers[found[1]!] : undefined;
}
