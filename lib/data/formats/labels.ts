/**
 * Labels from stored arrays: a number or a name for each image, or a row with one 1 in it.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { elements, numberType, shapeText, type StoredArray, typeName } from "./elements.ts";
import { highestLabel } from "./subset.ts";

/** Labels are below this. */
const MAX_CLASSES = 65536;

/** The labels of both splits. */
interface Labels {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
  /** Number of classes; at least 2. */
  readonly classes: number;
  /** Names of the classes by label, where the labels are names. */
  readonly classNames?: readonly string[];
  /** In words how they were read, where they are no plain numbers. */
  readonly layout?: string;
}

/** The shell command that converts the labels by an expression of NumPy, in which `a` is the array. */
type Convert = (expression: string) => string;

/**
 * The labels of two arrays, `[n]` or `[n, 1]` of whole numbers (of any type), truth values or names,
 * or one-hot `[n, k]`. Names become classes in the order of their characters.
 *
 * @param classes number of classes, which every label is below; 0: the data decides
 * @param convert makes the remedy for labels that a command can make right
 * @throws {DataError} when an array contains anything else
 */
export function readLabels(
  train: StoredArray,
  test: StoredArray,
  classes: number,
  convert: Convert,
): Labels {
  if (isText(train) || isText(test)) return namedLabels(train, test, classes, convert);
  const width = { train: train.dims[1] ?? 1, test: test.dims[1] ?? 1 };
  if (train.dims.length === 2 && width.train > 1) {
    if (test.dims.length !== 2 || width.test !== width.train) {
      throw new DataError(
        `${test.header}: expected labels as in ${train.location}, ${shapeText(train.dims)}, got ` +
          `${shapeText(test.dims)}; save both in the same way`,
      );
    }
    checkWidth(train, classes);
    return {
      train: oneHotLabels(train, convert),
      test: oneHotLabels(test, convert),
      classes: width.train,
      layout: `one-hot labels of ${width.train} classes`,
    };
  }
  const labels = {
    train: numberLabels(train, classes, convert),
    test: numberLabels(test, classes, convert),
  };
  return {
    ...labels,
    classes: classes || Math.max(highestLabel(labels.train, labels.test) + 1, 2),
  };
}

function numberLabels(array: StoredArray, classes: number, convert: Convert): Uint32Array {
  const [count = 0, ...rest] = array.dims;
  if (array.dims.length === 0 || rest.length > 1 || (rest[0] ?? 1) !== 1) {
    throw new DataError(
      `${array.header}: expected labels [n], [n, 1] or one-hot [n, k], got ` +
        `${shapeText(array.dims)}; save one whole number for each image`,
    );
  }
  if (!numberType(array.type)) throw wrongType(array, convert);
  const labels = new Uint32Array(count);
  let index = 0;
  for (const piece of elements(array)) {
    for (const label of piece) {
      if (!(label >= 0 && label < (classes || MAX_CLASSES) && Number.isInteger(label))) {
        const expected = classes === 0
          ? `a label from 0 to ${MAX_CLASSES - 1}`
          : `a label from 0 to ${classes - 1}, as there are ${classes} classes`;
        throw new DataError(
          `${array.place(index)}: expected ${expected}, got ${label} at image ${index}; ` +
            `correct data.classes or the file`,
        );
      }
      labels[index++] = label;
    }
  }
  return labels;
}

/** Of each row the column that is 1; all others must be 0. */
function oneHotLabels(array: StoredArray, convert: Convert): Uint32Array {
  if (!numberType(array.type)) throw wrongType(array, convert);
  const [count = 0, columns = 0] = array.dims;
  const labels = new Uint32Array(count), ones = new Uint8Array(count);
  let at = 0;
  for (const piece of elements(array)) {
    for (const value of piece) {
      const row = array.fortran ? at % count : Math.floor(at / columns);
      if (value === 1) labels[row] = array.fortran ? Math.floor(at / count) : at % columns;
      if (value === 1 && ones[row] === 0) ones[row] = 1;
      else if (value !== 0) throw notOneHot(array, at, value, row, convert);
      at++;
    }
  }
  const empty = ones.indexOf(0);
  if (empty < 0) return labels;
  throw notOneHot(array, array.fortran ? empty : empty * columns, 0, empty, convert);
}

function notOneHot(
  array: StoredArray,
  at: number,
  value: number,
  row: number,
  convert: Convert,
): DataError {
  const found = value === 1 ? "a second 1" : value === 0 ? "no 1 in the row" : `${value}`;
  return new DataError(
    `${
      array.place(at)
    }: expected one-hot labels, with exactly one 1 in each row and 0 elsewhere, ` +
      `got ${found} at image ${row}; where an image has one class, the highest in its row: ` +
      convert("a.argmax(axis=1)"),
  );
}

function checkWidth({ header, dims }: StoredArray, classes: number): void {
  if (classes === 0 || classes === dims[1]) return;
  throw new DataError(
    `data.classes: expected ${dims[1]}, the columns of the one-hot labels ${shapeText(dims)} at ` +
      `${header}, got ${classes}; correct it or leave it out`,
  );
}

function isText({ type }: StoredArray): boolean {
  return /^[<>|=]?[USa]\d+$/.test(type);
}

function namedLabels(
  train: StoredArray,
  test: StoredArray,
  classes: number,
  convert: Convert,
): Labels {
  for (const array of [train, test]) {
    if (!isText(array)) throw wrongType(array, convert);
    const [, ...rest] = array.dims;
    if (array.dims.length === 0 || rest.some((dim) => dim !== 1)) {
      throw new DataError(
        `${array.header}: expected names of classes [n] or [n, 1], got ${shapeText(array.dims)}; ` +
          `save one name for each image`,
      );
    }
  }
  const names = new Set<string>();
  for (const array of [train, test]) {
    let index = 0;
    for (const name of texts(array)) {
      names.add(name);
      if (names.size > MAX_CLASSES) {
        throw new DataError(
          `${array.place(index)}: expected at most ${MAX_CLASSES} names of classes, got more; ` +
            `correct the file`,
        );
      }
      index++;
    }
  }
  const classNames = [...names].sort();
  if (classNames.length < 2 || (classes !== 0 && classes !== classNames.length)) {
    throw new DataError(
      classes === 0
        ? `${train.header}: expected names of at least 2 classes, got ` +
          `${JSON.stringify(classNames[0] ?? "")} alone; correct the file`
        : `data.classes: expected ${classNames.length}, the names in ${train.location} and ` +
          `${test.location}, got ${classes}; correct it or leave it out`,
    );
  }
  const labelOf = new Map(classNames.map((name, label) => [name, label]));
  const labelsOf = (array: StoredArray) => {
    const labels = new Uint32Array(array.dims[0]!);
    let index = 0;
    for (const name of texts(array)) labels[index++] = labelOf.get(name)!;
    return labels;
  };
  return {
    train: labelsOf(train),
    test: labelsOf(test),
    classes: classNames.length,
    classNames,
    layout: `labels are names of ${classNames.length} classes, in alphabetical order`,
  };
}

/** The elements of an array of text, without the zeros that fill each up, in composed form. */
function* texts({ type, dims, body }: StoredArray): Generator<string> {
  const count = dims[0]!, width = count === 0 ? 0 : body.length / count;
  const wide = type.includes("U"), little = !type.startsWith(">");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 0; at < count * width; at += width) {
    let text = "";
    for (let i = at; wide && i < at + width; i += 4) {
      const code = view.getUint32(i, little);
      text += code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
    }
    yield (wide ? text : bytesAsText(body.subarray(at, at + width)))
      .replace(/\0+$/, "").normalize("NFC");
  }
}

/** UTF-8 or else Latin-1: names that differ must not become the same. */
function bytesAsText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return String.fromCharCode(...bytes);
  }
}

function wrongType(array: StoredArray, convert: Convert): DataError {
  const remedy = array.type.includes("O")
    ? `save them as plain numbers or text (reading objects may run code of the file: only if you ` +
      `trust it): ${convert("np.array(a.tolist())")}`
    : "save a whole number from 0, or a name, for each image, of one type in both arrays";
  return new DataError(
    `${array.header}: expected labels of whole numbers or names, got ${typeName(array.type)}; ` +
      remedy,
  );
}
