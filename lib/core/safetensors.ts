/**
 * Reads and writes the safetensors format: eight bytes of header length (little-endian), a JSON
 * header, then the tensors end to end. The same input gives the same bytes.
 *
 * The format allows no gap between tensors, so alignment comes from order: the header keeps the
 * order given, the data is laid out with wider elements first, and the header is padded with
 * spaces to 8 bytes. Each tensor then starts at a multiple of its element size.
 *
 * Big-endian hosts are not supported.
 *
 * @module
 */

import { DataError } from "./errors.ts";

/** Bytes of one element, by type. */
const WIDTH = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

/** Element type, as the format names it. */
export type Dtype = keyof typeof WIDTH;

/** What all names of types have in common, also of those that are unknown here. */
const TYPE_NAME = /^[A-Z][A-Z0-9_]*$/;

/** A tensor to write. */
export interface TensorInput {
  /** Element type. */
  readonly dtype: Dtype;
  /** Lengths of the dimensions; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Elements in row-major order: product of `shape` × element size bytes. */
  readonly data: ArrayBufferView;
}

/** A tensor that was read. */
export interface Tensor extends TensorInput {
  /** Its bytes: a view of the file, not a copy. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Content of a file, in the order of its header. */
export interface SafetensorsFile {
  /** Tensors by name. */
  readonly tensors: Record<string, Tensor>;
  /** Types of the tensors whose type is none of {@linkcode Dtype}, by name. */
  readonly others: Record<string, string>;
  /** Key-value pairs of `__metadata__`. */
  readonly metadata: Record<string, string>;
}

/**
 * Returns the bytes of a safetensors file.
 *
 * @throws {RangeError} when a tensor's data does not have the size of its shape (a defect)
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, TensorInput>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(tensors);
  // Array.sort is stable: tensors of one width stay in the order given.
  const laidOut = [...entries].sort(([, a], [, b]) => WIDTH[b.dtype] - WIDTH[a.dtype]);
  const begins = new Map<string, number>();
  let end = 0;
  for (const [name, { dtype, shape, data }] of laidOut) {
    if (name === "__metadata__") throw new RangeError(`tensor name ${name} is reserved`);
    const size = byteSize(dtype, shape);
    if (size !== data.byteLength) {
      throw new RangeError(
        `tensor ${name}: ${dtype} [${shape}] has ${size} bytes, got ${data.byteLength}`,
      );
    }
    begins.set(name, end);
    end += size;
  }
  const described = entries.map(([name, { dtype, shape, data }]) => {
    const begin = begins.get(name)!;
    return [name, { dtype, shape, data_offsets: [begin, begin + data.byteLength] }];
  });
  const extra = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  const json = JSON.stringify(Object.fromEntries([...extra, ...described]));
  const text = new TextEncoder().encode(json);
  const headerSize = Math.ceil(text.length / 8) * 8;

  const file = new Uint8Array(8 + headerSize + end).fill(0x20, 8, 8 + headerSize);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerSize), true);
  file.set(text, 8);
  for (const [name, { data }] of laidOut) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    file.set(bytes, 8 + headerSize + begins.get(name)!);
  }
  return file;
}

/**
 * Reads a safetensors file. Everything is checked before anything is returned: header length, JSON,
 * types, and that the tensors cover the data from end to end without a gap or an overlap. Types are
 * added to the format over time, so a tensor of an unknown type is no error: it is only named.
 *
 * @param file name of the file in messages
 * @throws {DataError} with the file and the byte offset of the first error
 */
export function decodeSafetensors(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
): SafetensorsFile {
  const fail: Fail = (offset, expected, got) => {
    throw new DataError(
      `${file}: byte ${offset}: expected ${expected}, got ${got}; ` +
        `the file is damaged or not a safetensors file: create or download it again`,
    );
  };
  const { header, text, dataAt } = decodeHeader(bytes, fail);
  /** Offset of `key` in the file, for messages. */
  const keyAt = (key: string): number => {
    const at = text.indexOf(JSON.stringify(key));
    return 8 + (at < 0 ? 0 : new TextEncoder().encode(text.slice(0, at)).length);
  };
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isTextMap(metadata)) {
    return fail(keyAt("__metadata__"), "__metadata__ with text values", describe(metadata));
  }
  const data = bytes.subarray(dataAt);
  const tensors: [string, Tensor][] = [], others: [string, string][] = [], spans: Span[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, begin, end } = readEntry(
      entry,
      (expected, got) =>
        fail(keyAt(name), `tensor ${JSON.stringify(name)} with ${expected}`, describe(got)),
    );
    spans.push({ name, begin, end });
    if (!isDtype(dtype)) others.push([name, dtype]);
    else tensors.push([name, { dtype, shape, data: data.subarray(begin, end) }]);
  }
  checkCoverage(spans, data.length, {
    tensor: (name, expected, got) => fail(keyAt(name), expected, got),
    end: (at, expected, got) => fail(dataAt + at, expected, got),
  });
  return { tensors: Object.fromEntries(tensors), others: Object.fromEntries(others), metadata };
}

/** Throws an error at an offset of the file. */
type Fail = (offset: number, expected: string, got: string) => never;

/** Bytes of a tensor, from the start of the data. */
interface Span {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** Reads the header's length and JSON, and where the data starts. */
function decodeHeader(
  bytes: Uint8Array<ArrayBuffer>,
  fail: Fail,
): { header: Record<string, unknown>; text: string; dataAt: number } {
  if (bytes.length < 8) {
    return fail(0, "8 bytes of header length", `a file of ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const claimed = view.getBigUint64(0, true);
  if (claimed > BigInt(bytes.length - 8)) {
    // The header of a file that is cut off begins as any other.
    if (bytes[8] === 0x7b && claimed < 2n ** 32n) {
      const got = `the end of the file after ${bytes.length - 8}`;
      return fail(bytes.length, `${claimed} bytes of header`, got);
    }
    return fail(0, `a header of at most ${bytes.length - 8} bytes`, `a length of ${claimed}`);
  }
  const dataAt = 8 + Number(claimed);
  let text = "";
  let header: unknown;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    text = decoder.decode(bytes.subarray(8, dataAt));
    header = JSON.parse(text);
  } catch (error) {
    return fail(8, "a header of JSON", (error as Error).message);
  }
  if (!isObject(header)) return fail(8, "a JSON object", describe(header));
  const twice = repeatedKey(text);
  if (twice) {
    const at = 8 + new TextEncoder().encode(text.slice(0, twice.at)).length;
    return fail(at, "each name once", `${describe(twice.key)} again`);
  }
  return { header, text, dataAt };
}

/** Reads a tensor's entry in the header. */
function readEntry(
  entry: unknown,
  fail: (expected: string, got: unknown) => never,
): { dtype: string; shape: number[]; begin: number; end: number } {
  if (!isObject(entry)) return fail("dtype, shape and data_offsets", entry);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !TYPE_NAME.test(dtype)) {
    return fail("a dtype such as F32 or BF16", dtype);
  }
  if (!areCounts(shape)) return fail("a shape of whole numbers", shape);
  if (!areCounts(offsets) || offsets.length !== 2) return fail("two data_offsets", offsets);
  const [begin, end] = offsets as [number, number];
  if (begin > end) return fail("data_offsets in order", offsets);
  if (!isDtype(dtype)) return { dtype, shape, begin, end };
  const size = byteSize(dtype, shape);
  if (!Number.isSafeInteger(size)) return fail("a shape whose size can be counted", shape);
  if (size !== end - begin) return fail(`${size} bytes for ${dtype} [${shape}]`, end - begin);
  return { dtype, shape, begin, end };
}

/** Checks that the tensors cover the data from end to end. */
function checkCoverage(
  spans: Span[],
  available: number,
  fail: {
    readonly tensor: (name: string, expected: string, got: string) => never;
    readonly end: Fail;
  },
): void {
  let covered = 0;
  for (const { name, begin, end } of spans.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const fault = begin < covered ? "an overlap" : "a gap";
      const from = `tensor ${JSON.stringify(name)} from data offset ${covered}`;
      fail.tensor(name, from, `${fault}: ${begin}`);
    }
    covered = end;
  }
  if (covered > available) {
    const got = `the end of the file after ${available}`;
    fail.end(available, `${covered} bytes of tensors`, got);
  }
  if (covered < available) {
    const left = available - covered;
    fail.end(covered, "the end of the file", `${left} bytes that belong to no tensor`);
  }
}

/**
 * Returns the elements of an `F32` tensor: a view if the file happens to be aligned, else a copy, so
 * treat it as read-only.
 *
 * @throws {DataError} when the tensor has another type
 */
export function float32Values(
  tensor: Tensor,
  name: string,
  file: string,
): Float32Array<ArrayBuffer> {
  if (tensor.dtype !== "F32") {
    throw new DataError(
      `${file}: tensor ${JSON.stringify(name)}: expected F32, got ${tensor.dtype}; ` +
        `give a file that qtrain wrote`,
    );
  }
  const { data } = tensor;
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

/**
 * Returns the elements of a tensor of floats as f32, `F64` rounded to it; `undefined` for other types.
 * Treat it as read-only: `F32` may be a view of the file.
 */
export function floatValues(tensor: Tensor): Float32Array<ArrayBuffer> | undefined {
  const { dtype, data } = tensor;
  if (dtype === "F32") return float32Values(tensor, "", "");
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = READERS[dtype];
  if (!read) return undefined;
  const width = WIDTH[dtype], values = new Float32Array(data.byteLength / width);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * width);
  return values;
}

/** Read an element of a type of floats at a byte offset. */
const READERS: Readonly<Partial<Record<Dtype, (view: DataView, at: number) => number>>> = {
  F64: (view, at) => view.getFloat64(at, true),
  F16: (view, at) => view.getFloat16(at, true),
  BF16: (view, at) => bfloat(view.getUint16(at, true)),
  F8_E5M2: (view, at) => E5M2[view.getUint8(at)]!,
  F8_E4M3: (view, at) => E4M3[view.getUint8(at)]!,
};

const WORD = new DataView(new ArrayBuffer(4));

/** BF16 is the upper half of an f32. */
function bfloat(bits: number): number {
  WORD.setUint32(0, bits << 16 >>> 0);
  return WORD.getFloat32(0);
}

/** E5M2 is the upper half of an IEEE 754 half. */
const E5M2 = Float32Array.from({ length: 256 }, (_, bits) => {
  WORD.setUint16(0, bits << 8);
  return WORD.getFloat16(0);
});

/**
 * E4M3 (Micikevicius et al. 2022, arXiv 2209.05433): 1 sign bit, 4 of exponent, 3 of fraction; no
 * infinity, and one NaN of each sign.
 */
const E4M3 = Float32Array.from({ length: 256 }, (_, bits) => {
  const sign = bits >> 7 ? -1 : 1, exponent = bits >> 3 & 15, fraction = bits & 7;
  if (exponent === 15 && fraction === 7) return NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
});

function byteSize(dtype: Dtype, shape: readonly number[]): number {
  // 0 even if the other lengths overflow: infinity times 0 is not a number.
  if (shape.includes(0)) return 0;
  return shape.reduce((product, length) => product * length, WIDTH[dtype]);
}

/**
 * Returns the first key that an object has twice, and its offset: `JSON.parse` silently keeps the last.
 *
 * @param text valid JSON of an object
 */
function repeatedKey(text: string): { key: string; at: number } | undefined {
  const seen = new Set<string>();
  let depth = 0, begin = 0, end = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
    else if (c === '"') {
      begin = i++;
      for (; text[i] !== '"'; i++) if (text[i] === "\\") i++;
      end = i + 1;
    } else if (c === ":" && depth === 1) {
      const key: string = JSON.parse(text.slice(begin, end));
      if (seen.has(key)) return { key, at: begin };
      seen.add(key);
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((item) => typeof item === "string");
}

function isDtype(type: string): type is Dtype {
  return Object.hasOwn(WIDTH, type);
}

function areCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Writes a value as short JSON: a damaged header must not fill the screen. */
function describe(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 60 ? `${json.slice(0, 57)}…` : json;
}
