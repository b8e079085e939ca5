// deno-lint-ignore-file no-import-prefix -- an import map does not apply to what is imported by URL
/**
 * Writes the tables of schema.ts as a FlatBuffer. The same tables give the same bytes.
 *
 * @module
 */
import { Builder } from "npm:flatbuffers@25.9.23";
import {
  IDENTIFIER,
  OPTIONS,
  type Options,
  type ScalarName,
  SCALARS,
  type Table,
  type TableName,
  TABLES,
} from "./schema.ts";

/** Bytes before which a buffer's content starts at a multiple of. */
const BUFFER_ALIGNMENT = 16;

/** Returns the bytes of a TFLite file. */
export function writeModel(model: Table<"Model">): Uint8Array<ArrayBuffer> {
  const size = model.buffers.reduce((sum, { data }) => sum + data.length, 2 ** 16);
  const builder = new Builder(size);
  builder.finish(writeTable(builder, "Model", model), IDENTIFIER);
  return builder.asUint8Array().slice();
}

/** Writes a table, and before it all that it points to; returns its place. */
function writeTable(builder: Builder, name: TableName, table: object): number {
  const values = table as Record<string, unknown>, slots: [number, string, number, number][] = [];
  for (const [key, field] of Object.entries<readonly [number, string, number?]>(TABLES[name])) {
    const [number, type, initial = 0] = field, value = values[key];
    if (isScalar(type)) {
      slots.push([number, type, value as number, initial]);
    } else if (type === "options") {
      const options = value as Options | undefined;
      if (!options) continue;
      const [union] = Object.entries(OPTIONS).find(([, table]) => table === options.table)!;
      slots.push([number, "ubyte", Number(union), 0]);
      slots.push([number + 1, "table", writeTable(builder, options.table, options), 0]);
    } else {
      slots.push([number, "table", writePart(builder, type, value), 0]);
    }
  }
  builder.startObject(slots.reduce((most, [number]) => Math.max(most, number + 1), 0));
  for (const [number, type, value, initial] of slots) {
    if (type === "table") builder.addFieldOffset(number, value, 0);
    else if (type === "float") builder.addFieldFloat32(number, value, initial);
    else if (SCALARS[type as ScalarName] === 1) builder.addFieldInt8(number, value, initial);
    else if (SCALARS[type as ScalarName] === 4) builder.addFieldInt32(number, value, initial);
    else builder.addFieldInt64(number, BigInt(value), BigInt(initial));
  }
  return builder.endObject();
}

/** Writes what a table points to; returns its place, 0 for what is absent or empty. */
function writePart(builder: Builder, type: string, value: unknown): number {
  if (type === "string") return value === "" ? 0 : builder.createString(value as string);
  if (type === "bytes") {
    const bytes = value as Uint8Array;
    if (bytes.length === 0) return 0;
    builder.prep(BUFFER_ALIGNMENT, bytes.length);
    return builder.createByteVector(bytes);
  }
  if (!type.endsWith("[]")) {
    return value === undefined ? 0 : writeTable(builder, type as TableName, value as object);
  }
  const items = value as readonly unknown[], element = type.slice(0, -2);
  if (items.length === 0) return 0;
  if (isScalar(element)) return writeNumbers(builder, element, items as readonly number[]);
  const places = items.map((item) => writeTable(builder, element as TableName, item as object));
  builder.startVector(4, places.length, 4);
  for (const place of places.reverse()) builder.addOffset(place);
  return builder.endVector();
}

function writeNumbers(builder: Builder, type: ScalarName, numbers: readonly number[]): number {
  builder.startVector(SCALARS[type], numbers.length, SCALARS[type]);
  for (const number of numbers.toReversed()) {
    if (type === "float") builder.addFloat32(number);
    else if (type === "long") builder.addInt64(BigInt(number));
    else builder.addInt32(number);
  }
  return builder.endVector();
}

/** Whether a type is one of scalars. */
function isScalar(type: string): type is ScalarName {
  return Object.hasOwn(SCALARS, type);
}
