/**
 * Reads the tables of schema.ts from a FlatBuffer. Every place and length is checked before it is used,
 * and what is read never exceeds twice the file, however its tables point to each other.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import {
  FORMAT_VERSION,
  IDENTIFIER,
  OPTIONS,
  type ScalarName,
  SCALARS,
  type Table,
  type TableName,
  TABLES,
} from "./schema.ts";

/** Maximum tables of a file; networks of a thousand layers have a tenth. */
const MAX_TABLES = 2 ** 18;

/**
 * Reads a TFLite file.
 *
 * @param file its name in messages
 * @throws {DataError} when it is damaged or none
 */
export function readModel(bytes: Uint8Array, file: string): Table<"Model"> {
  return new Reader(bytes, file).model();
}

class Reader {
  readonly #view: DataView;
  /** Bytes that may yet be read: tables may share parts, but not so that little becomes much. */
  #left: number;
  #tables = 0;

  constructor(readonly bytes: Uint8Array, readonly file: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#left = 2 * bytes.length;
  }

  model(): Table<"Model"> {
    const got = String.fromCharCode(...this.bytes.subarray(4, 8));
    if (got !== IDENTIFIER) {
      throw new DataError(
        `${this.file}: byte 4: expected ${IDENTIFIER}, with which TFLite files begin, got ${
          JSON.stringify(got)
        }; give a .tflite file`,
      );
    }
    const model = this.#table("Model", this.#place(0)) as Table<"Model">;
    if (model.version !== FORMAT_VERSION) {
      this.#fail(0, `version ${FORMAT_VERSION} of the format`, `${model.version}`);
    }
    return model;
  }

  #fail(at: number, expected: string, got: string): never {
    throw new DataError(
      `${this.file}: byte ${at}: expected ${expected}, got ${got}; the file is damaged: export or ` +
        "download it again",
    );
  }

  /** Makes sure that `size` bytes at a place are in the file. */
  #check(at: number, size: number): void {
    if (at < 0 || at + size > this.bytes.length) {
      const got = `the end of the file after ${this.bytes.length}`;
      this.#fail(at, `${size} bytes`, got);
    }
  }

  #spend(at: number, size: number): void {
    this.#left -= size;
    if (this.#left < 0) this.#fail(at, "tables of their own", "parts that many tables share");
  }

  /** Where the offset at `at` points. */
  #place(at: number): number {
    return at + this.#scalar("uint", at);
  }

  #scalar(type: ScalarName, at: number): number {
    this.#check(at, SCALARS[type]);
    const view = this.#view;
    switch (type) {
      case "byte":
        return view.getInt8(at);
      case "bool":
      case "ubyte":
        return view.getUint8(at);
      case "int":
        return view.getInt32(at, true);
      case "uint":
        return view.getUint32(at, true);
      case "float":
        return view.getFloat32(at, true);
      case "long":
        return Number(view.getBigInt64(at, true));
      case "ulong":
        return Number(view.getBigUint64(at, true));
    }
  }

  #table(name: TableName, at: number): Record<string, unknown> {
    this.#spend(at, 4);
    if (++this.#tables > MAX_TABLES) this.#fail(at, `at most ${MAX_TABLES} tables`, "more");
    const places = at - this.#scalar("int", at);
    this.#check(places, 4);
    const size = this.#view.getUint16(places, true);
    this.#check(places, size);
    /** Where a field is, `undefined` if it is left out. */
    const find = (number: number): number | undefined => {
      const slot = 4 + 2 * number;
      const offset = slot + 2 <= size ? this.#view.getUint16(places + slot, true) : 0;
      return offset === 0 ? undefined : at + offset;
    };
    const result: Record<string, unknown> = {};
    for (const [key, field] of Object.entries<readonly [number, string, number?]>(TABLES[name])) {
      const [number, type, initial = 0] = field, from = find(number);
      if (type !== "options") result[key] = this.#value(type, from, initial);
      else if (from !== undefined) {
        result[key] = this.#options(this.#scalar("ubyte", from), find(number + 1));
      }
    }
    return result;
  }

  #options(union: number, at: number | undefined): Record<string, unknown> | undefined {
    const table = (OPTIONS as Record<number, TableName>)[union];
    if (table === undefined || at === undefined) return undefined;
    return { table, ...this.#table(table, this.#place(at)) };
  }

  #value(type: string, at: number | undefined, initial: number): unknown {
    if (Object.hasOwn(SCALARS, type)) {
      return at === undefined ? initial : this.#scalar(type as ScalarName, at);
    }
    if (type === "string") return at === undefined ? "" : this.#text(this.#place(at));
    if (type === "bytes") return at === undefined ? new Uint8Array() : this.#bytes(this.#place(at));
    if (!type.endsWith("[]")) {
      return at === undefined ? undefined : this.#table(type as TableName, this.#place(at));
    }
    return at === undefined ? [] : this.#vector(type.slice(0, -2), this.#place(at));
  }

  #vector(element: string, at: number): unknown[] {
    const length = this.#scalar("uint", at), scalar = Object.hasOwn(SCALARS, element);
    const width = scalar ? SCALARS[element as ScalarName] : 4;
    this.#check(at + 4, length * width);
    this.#spend(at, length * width);
    const result: unknown[] = [];
    for (let i = 0, from = at + 4; i < length; i++, from += width) {
      result.push(
        scalar
          ? this.#scalar(element as ScalarName, from)
          : this.#table(element as TableName, this.#place(from)),
      );
    }
    return result;
  }

  #bytes(at: number): Uint8Array {
    const length = this.#scalar("uint", at);
    this.#check(at + 4, length);
    return this.bytes.subarray(at + 4, at + 4 + length);
  }

  #text(at: number): string {
    const bytes = this.#bytes(at);
    this.#spend(at, bytes.length);
    return new TextDecoder().decode(bytes);
  }
}
