/**
 * Python pickles of plain values, bytes and NumPy arrays, protocols 0 to 5. A pickle is a program for
 * a stack machine that may call any function of Python. Here nothing is called: the few names that
 * NumPy's arrays need are understood, and any other name or instruction is refused.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";

/** A value of a pickle. Lists and tuples are arrays; keys of dicts are text, also where they are bytes. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array<ArrayBuffer>
  | PickleValue[]
  | Map<string, PickleValue>
  | PickledArray
  | Dtype
  | Name;

/** A NumPy array, or one number of it. */
export class PickledArray {
  /** Type of an element in NumPy's notation. */
  type = "|u1";
  /** Shape; `[]` for one number. */
  dims: readonly number[] = [];
  /** Whether the first dimension is the fastest. */
  fortran = false;
  /** The elements. */
  body: Uint8Array<ArrayBuffer> = new Uint8Array(0);
}

/** The type of a NumPy array. */
class Dtype {
  constructor(public type: string) {}
}

/** A name of a function or a class of Python. */
class Name {
  constructor(readonly name: string) {}
}

/** Marks where the items of a list, a tuple or a dict begin on the stack. */
const MARK = Symbol("mark");

/** The names that are understood; NumPy 2 has them in `numpy._core`. */
const NAMES = new Set([
  "_codecs.encode",
  "builtins.bytes",
  "builtins.bytearray",
  "collections.OrderedDict",
  "numpy.dtype",
  "numpy.ndarray",
  "numpy.core.multiarray._reconstruct",
  "numpy.core.multiarray.scalar",
  "numpy.core.numeric._frombuffer",
]);

/**
 * Reads a pickle.
 *
 * @param bytes of the file; arrays of the result are views of it
 * @param location the file, as errors name it
 * @throws {DataError} with the offset, when it is damaged or has more in it than plain values and arrays
 */
export function readPickle(bytes: Uint8Array<ArrayBuffer>, location: string): PickleValue {
  const machine = new Machine(bytes);
  try {
    return machine.run();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new DataError(`${location}: byte ${machine.opcodeAt}: ${error.message}`);
  }
}

class Problem extends Error {}

function damaged(found: string): Problem {
  return new Problem(
    `expected a pickle of plain values and NumPy arrays, got ${found}; get the file again`,
  );
}

/**
 * Instructions that have a number behind them, by kind: its length in bytes; 0: a line of digits. The
 * numbers of the first three are lengths of what follows.
 */
const BYTES = { 0x54: 4, 0x42: 4, 0x55: 1, 0x43: 1, 0x8e: 8, 0x96: 8 };
const TEXT = { 0x58: 4, 0x8c: 1, 0x8d: 8 };
const LONG = { 0x8a: 1, 0x8b: 4 };
const PUT = { 0x70: 0, 0x71: 1, 0x72: 4 };
const GET = { 0x67: 0, 0x68: 1, 0x6a: 4 };

class Machine {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;
  /** Offset of the instruction that is carried out. */
  opcodeAt = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    while (true) {
      this.opcodeAt = this.#at;
      const code = this.#number(1);
      if (code === 0x2e) return this.#pop(); // .
      if (this.#manage(code)) continue;
      let value = this.#value(code);
      if (value === undefined) value = this.#built(code); // null is a value
      if (value === undefined) {
        const plain = code > 32 && code < 127;
        const shown = plain ? `"${String.fromCharCode(code)}"` : `0x${code.toString(16)}`;
        throw damaged(`the instruction ${shown}`);
      }
      this.#stack.push(value);
    }
  }

  /** Instructions that push no new value: of the stream, the stack and the memo. */
  #manage(code: number): boolean {
    const put = this.#operand(PUT, code);
    if (put !== undefined) {
      this.#memo.set(put, this.#top());
      return true;
    }
    switch (code) {
      case 0x80: // protocol
        this.#take(1);
        return true;
      case 0x95: // frame
        this.#take(8);
        return true;
      case 0x28: // (
        this.#stack.push(MARK);
        return true;
      case 0x30: // 0
        this.#pop();
        return true;
      case 0x31: // 1
        this.#popMarked();
        return true;
      case 0x94: // memoize
        this.#memo.set(this.#memo.size, this.#top());
        return true;
      case 0x61: { // a
        const item = this.#pop();
        append(this.#top(), [item]);
        return true;
      }
      case 0x65: { // e
        const items = this.#popMarked();
        append(this.#top(), items);
        return true;
      }
      case 0x73: { // s
        const value = this.#pop(), key = this.#pop();
        setItems(this.#top(), [key, value]);
        return true;
      }
      case 0x75: { // u
        const items = this.#popMarked();
        setItems(this.#top(), items);
        return true;
      }
      case 0x62: { // b
        const state = list(this.#pop());
        setState(this.#top(), state);
        return true;
      }
    }
    return false;
  }

  /** The value that stands in the stream behind an instruction. */
  #value(code: number): PickleValue | undefined {
    const bytes = this.#operand(BYTES, code);
    if (bytes !== undefined) return this.#take(bytes);
    const characters = this.#operand(TEXT, code);
    if (characters !== undefined) return new TextDecoder().decode(this.#take(characters));
    const long = this.#operand(LONG, code);
    if (long !== undefined) return littleEndian(this.#take(long));
    switch (code) {
      case 0x4e: // N
        return null;
      case 0x88:
        return true;
      case 0x89:
        return false;
      case 0x49: { // I
        const line = this.#line();
        return line === "01" ? true : line === "00" ? false : decimal(line);
      }
      case 0x4c: // L
        return decimal(this.#line().replace(/L$/, ""));
      case 0x46: // F
        return decimal(this.#line());
      case 0x4a: // J
        return this.#number(4) | 0;
      case 0x4b: // K
        return this.#number(1);
      case 0x4d: // M
        return this.#number(2);
      case 0x47: // G
        this.#take(8);
        return this.#view.getFloat64(this.#at - 8);
      case 0x53: // S
        return quotedBytes(this.#line());
      case 0x56: // V
        return escapedText(this.#line());
      case 0x5d: // ]
      case 0x29: // )
        return [];
      case 0x7d: // }
        return new Map();
      case 0x63: // c
        return nameOf(this.#line(), this.#line());
    }
  }

  /** The value that an instruction makes of those on the stack, or takes from the memo. */
  #built(code: number): PickleValue | undefined {
    const get = this.#operand(GET, code);
    if (get !== undefined) {
      const value = this.#memo.get(get);
      if (value === undefined) throw damaged(`the value ${get}, which was not kept`);
      return value;
    }
    switch (code) {
      case 0x32: // 2
        return this.#top();
      case 0x6c: // l
      case 0x74: // t
        return this.#popMarked();
      case 0x85:
      case 0x86:
      case 0x87:
        return Array.from({ length: code - 0x84 }, () => this.#pop()).reverse();
      case 0x64: // d
        return setItems(new Map(), this.#popMarked());
      case 0x93: { // a name from the stack
        const name = this.#pop(), module = this.#pop();
        return nameOf(text(module), text(name));
      }
      case 0x52: // R
      case 0x81: {
        const values = list(this.#pop()), callee = this.#pop();
        if (!(callee instanceof Name)) throw damaged("a call of something that is no name");
        return call(callee.name, values);
      }
    }
  }

  /** The number behind an instruction, if the instruction is one of a kind. */
  #operand(widths: Readonly<Record<number, number>>, code: number): number | undefined {
    const width = widths[code];
    if (width === undefined) return undefined;
    return width === 0 ? decimal(this.#line()) : this.#number(width);
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw damaged("an instruction without a value");
    return value;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  /** The values behind the last mark. */
  #popMarked(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw damaged("an instruction without a mark");
    const values = this.#stack.splice(mark) as PickleValue[];
    values.shift();
    return values;
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#bytes.length - this.#at) {
      throw new Problem(
        `expected ${length} bytes more, got ${this.#bytes.length - this.#at}: the pickle is cut ` +
          `short; get the file again`,
      );
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** An unsigned little-endian number. */
  #number(bytes: number): number {
    let value = 0;
    for (const byte of this.#take(bytes).toReversed()) value = value * 256 + byte;
    return value;
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw damaged("a line without an end");
    const line = this.#take(end - this.#at);
    this.#take(1);
    return latin1(line).replace(/\r$/, "");
  }
}

function nameOf(module: string, name: string): Name {
  const full = `${module}.${name}`.replace(/^numpy\._core\./, "numpy.core.")
    .replace(/^__builtin__\./, "builtins.");
  if (NAMES.has(full)) return new Name(full);
  throw damaged(`the name ${full}, which is not called`);
}

/** What a call of one of the names gives. */
function call(name: string, values: PickleValue[]): PickleValue {
  const [first = null, second = null, third = null, fourth = null] = values;
  switch (name) {
    case "_codecs.encode": // Python 3 writes bytes so for Python 2.
      return latin1Bytes(text(first));
    case "builtins.bytes":
    case "builtins.bytearray":
      if (first === null) return new Uint8Array(0);
      return typeof first === "string" ? latin1Bytes(first) : bytesOf(first);
    case "collections.OrderedDict":
      if (values.length === 0) return new Map();
      break;
    case "numpy.core.multiarray._reconstruct":
      return new PickledArray(); // Its state follows.
    case "numpy.dtype":
      return new Dtype(text(first));
    case "numpy.core.multiarray.scalar":
      return arrayOf([], second, first, false);
    case "numpy.core.numeric._frombuffer":
      return arrayOf(numbers(third), first, second, fourth === "F");
  }
  throw damaged(`a call of ${name} with ${values.length} values`);
}

function setState(value: PickleValue, state: PickleValue[]): void {
  if (value instanceof Dtype) {
    const order = state[1];
    value.type = `${typeof order === "string" ? order : latin1(bytesOf(order))}${value.type}`;
    if (/^[<>|=]?[A-Za-z]\d*$/.test(value.type)) return;
  } else if (value instanceof PickledArray) {
    const [, dims = null, type = null, fortran, body = null] = state;
    Object.assign(value, arrayOf(numbers(dims), body, type, fortran === true));
    return;
  }
  throw damaged("the state of an object that is no NumPy array");
}

function arrayOf(
  dims: readonly number[],
  body: PickleValue,
  type: PickleValue,
  fortran: boolean,
): PickledArray {
  if (!(type instanceof Dtype)) throw damaged("a NumPy array without a type");
  return Object.assign(new PickledArray(), {
    type: type.type,
    dims,
    fortran,
    body: typeof body === "string" ? latin1Bytes(body) : bytesOf(body),
  });
}

function setItems(into: PickleValue, items: readonly PickleValue[]): Map<string, PickleValue> {
  if (!(into instanceof Map) || items.length % 2 !== 0) throw damaged("items of no dict");
  for (let at = 0; at < items.length; at += 2) {
    const key = items[at]!;
    into.set(typeof key === "number" ? `${key}` : text(key), items[at + 1]!);
  }
  return into;
}

function append(into: PickleValue, items: readonly PickleValue[]): void {
  const values = list(into);
  for (const item of items) values.push(item);
}

function list(value: PickleValue): PickleValue[] {
  if (!Array.isArray(value)) throw damaged("something else than a list");
  return value;
}

function numbers(value: PickleValue): number[] {
  return list(value).map((item) => {
    if (typeof item !== "number") throw damaged("a shape that is not of numbers");
    return item;
  });
}

function bytesOf(value: PickleValue | undefined): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array)) throw damaged("something else than bytes");
  return value;
}

/** Text; Python 2 has bytes in its place. */
function text(value: PickleValue): string {
  return typeof value === "string" ? value : latin1(bytesOf(value));
}

function latin1(bytes: Uint8Array): string {
  let result = "";
  for (const byte of bytes) result += String.fromCharCode(byte);
  return result;
}

function latin1Bytes(value: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(value.length);
  for (let at = 0; at < bytes.length; at++) {
    const code = value.charCodeAt(at);
    if (code > 255) throw damaged("bytes that are above 255");
    bytes[at] = code;
  }
  return bytes;
}

function decimal(line: string): number {
  const value = Number(line);
  if (line === "" || Number.isNaN(value)) throw damaged("a number that is none");
  return value;
}

/** A signed little-endian number; beyond 2^53 not exact. */
function littleEndian(bytes: Uint8Array): number {
  if (bytes.length > 8) throw damaged("a number of more than 64 bits");
  let value = 0n;
  for (const byte of bytes.toReversed()) value = value * 256n + BigInt(byte);
  return Number(BigInt.asIntN(8 * bytes.length, value));
}

/** The bytes of `'…'` or `"…"` with Python's escapes. */
function quotedBytes(line: string): Uint8Array<ArrayBuffer> {
  const [, , inside] = /^(['"])(.*)\1$/s.exec(line) ?? [];
  if (inside === undefined) throw damaged("a text without quotes");
  const plain = inside.replace(
    /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs,
    (_, hex?: string, octal?: string, other?: string) => {
      if (hex !== undefined) return character(parseInt(hex, 16));
      if (octal !== undefined) return character(parseInt(octal, 8));
      return ESCAPES[other!] ?? other!;
    },
  );
  return latin1Bytes(plain);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

/** Text in Latin-1, with escapes for other characters. */
function escapedText(line: string): string {
  return line.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g,
    (_, four?: string, eight?: string) => character(parseInt(four ?? eight!, 16)),
  );
}

function character(code: number): string {
  if (code > 0x10ffff) throw damaged("a character beyond Unicode");
  return String.fromCodePoint(code);
}
