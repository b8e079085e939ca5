/**
 * Arrays of numbers as files store them: of any type and in either byte order. `.npy` and IDX files
 * are read into them; `pixels.ts` and `labels.ts` make images and labels of them.
 *
 * @module
 */

/** An array as stored in its file. */
export interface StoredArray {
  /** The file, as errors name it. */
  readonly location: string;
  /** Type of an element in NumPy's notation, such as `|u1` or `<i8`. */
  readonly type: string;
  /** Shape. */
  readonly dims: readonly number[];
  /** Whether the first dimension is the fastest; else the last one is. */
  readonly fortran: boolean;
  /** Where the file states type and shape: `location: byte N`. */
  readonly header: string;
  /** Where the file has an element: `location: byte N`. */
  place(element: number): string;
  /** The elements; this array's own, which may be written into. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Numbers that memory holds. */
type Numbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float16Array
  | Float32Array
  | Float64Array;

/** A type of number: its NumPy name and how its bytes become numbers. */
interface NumberType {
  readonly name: string;
  readonly bytes: number;
  /** `bytes` are in this machine's order. */
  read(bytes: ArrayBuffer): Numbers;
}

const TYPES: Readonly<Record<string, NumberType>> = {
  b1: { name: "bool", bytes: 1, read: (bytes) => new Uint8Array(bytes).map((byte) => byte && 1) },
  u1: { name: "uint8", bytes: 1, read: (bytes) => new Uint8Array(bytes) },
  i1: { name: "int8", bytes: 1, read: (bytes) => new Int8Array(bytes) },
  u2: { name: "uint16", bytes: 2, read: (bytes) => new Uint16Array(bytes) },
  i2: { name: "int16", bytes: 2, read: (bytes) => new Int16Array(bytes) },
  u4: { name: "uint32", bytes: 4, read: (bytes) => new Uint32Array(bytes) },
  i4: { name: "int32", bytes: 4, read: (bytes) => new Int32Array(bytes) },
  // Beyond 2^53 not exact, and beyond what a pixel or a label may be.
  u8: { name: "uint64", bytes: 8, read: (bytes) => wide(new Uint32Array(bytes)) },
  i8: { name: "int64", bytes: 8, read: (bytes) => wide(new Int32Array(bytes)) },
  f2: { name: "float16", bytes: 2, read: (bytes) => new Float16Array(bytes) },
  f4: { name: "float32", bytes: 4, read: (bytes) => new Float32Array(bytes) },
  f8: { name: "float64", bytes: 8, read: (bytes) => new Float64Array(bytes) },
};

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
/** Elements in a piece. */
const PIECE = 2 ** 16;

/** The type of numbers that NumPy's notation names; `undefined` for anything else. */
export function numberType(type: string): NumberType | undefined {
  return TYPES[/^[<>|=]?([biuf]\d)$/.exec(type)?.[1] ?? ""];
}

/** The name of a type for a person. */
export function typeName(type: string): string {
  const [, kind, size] = /^[<>|=]?([A-Za-z])(\d*)$/.exec(type) ?? [];
  if (kind === "O") return "object (pickled Python objects)";
  if (kind === "U" || kind === "S" || kind === "a") return `text of up to ${size} characters`;
  return numberType(type)?.name ?? type;
}

/**
 * The elements in the order of the file, in pieces. A piece is a copy, which lasts until the next: the
 * array may be written over as far as it was read.
 *
 * @throws {RangeError} when the type is no type of numbers
 */
export function* elements(
  { type, body }: Pick<StoredArray, "type" | "body">,
): Generator<Numbers> {
  const known = numberType(type);
  if (!known) throw new RangeError(`elements of type ${type}`);
  const swap = known.bytes > 1 && type.startsWith(">") === LITTLE;
  // One buffer for all pieces: a new one for each would be 180 MiB more at the peak, of a body of 188.
  const buffer = new Uint8Array(Math.min(PIECE * known.bytes, body.length));
  for (let at = 0; at < body.length; at += buffer.length) {
    const bytes = body.subarray(at, at + buffer.length);
    buffer.set(bytes);
    if (swap) swapBytes(buffer, known.bytes);
    const piece = known.read(buffer.buffer);
    yield piece.length === bytes.length / known.bytes
      ? piece
      : piece.subarray(0, bytes.length / known.bytes);
  }
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) {
    for (let low = at, high = at + width - 1; low < high; low++, high--) {
      const byte = bytes[low]!;
      bytes[low] = bytes[high]!;
      bytes[high] = byte;
    }
  }
}

/** Numbers of 64 bits from their halves. */
function wide(halves: Uint32Array | Int32Array): Float64Array {
  const numbers = new Float64Array(halves.length / 2), high = LITTLE ? 1 : 0;
  for (let at = 0; at < numbers.length; at++) {
    numbers[at] = halves[2 * at + high]! * 2 ** 32 + (halves[2 * at + 1 - high]! >>> 0);
  }
  return numbers;
}

/** `(60000, 28, 28)`, as NumPy writes a shape. */
export function shapeText(dims: readonly number[]): string {
  return `(${dims.join(", ")}${dims.length === 1 ? "," : ""})`;
}
