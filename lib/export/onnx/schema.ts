/**
 * The messages of ONNX's `onnx.proto` that networks need, as tables, and their protobuf form. The wire
 * format is read and written by `@bufbuild/protobuf`, field by field: its reader checks each length
 * against the bytes that are there.
 *
 * @module
 */
import { BinaryReader, BinaryWriter, WireType } from "../../core/protobuf.ts";

/** The TypeScript type of a field's value; lists are repeated fields. */
interface Values {
  readonly int: number;
  readonly ints: readonly number[];
  readonly float: number;
  readonly floats: readonly number[];
  readonly text: string;
  readonly texts: readonly string[];
  readonly bytes: Uint8Array;
}

/** A field: its number, and its type or the message that it repeats or is (`one`). */
type Field =
  | readonly [id: number, type: keyof Values]
  | readonly [id: number, type: "one" | "many", of: Fields];
type Fields = { readonly [name: string]: Field };

type ValueOf<F extends Field> = F extends readonly [number, "one", infer M extends Fields]
  ? Message<M>
  : F extends readonly [number, "many", infer M extends Fields] ? readonly Message<M>[]
  : F extends readonly [number, infer T extends keyof Values] ? Values[T]
  : never;

/** A message: fields that are absent have their default, 0, "" or none. */
type Message<M extends Fields> = { readonly [N in keyof M]?: ValueOf<M[N]> };

const TENSOR = {
  dims: [1, "ints"],
  data_type: [2, "int"],
  float_data: [4, "floats"],
  int32_data: [5, "ints"],
  int64_data: [7, "ints"],
  name: [8, "text"],
  raw_data: [9, "bytes"],
  data_location: [14, "int"],
} as const satisfies Fields;

const ATTRIBUTE = {
  name: [1, "text"],
  f: [2, "float"],
  i: [3, "int"],
  s: [4, "bytes"],
  ints: [8, "ints"],
  type: [20, "int"],
} as const satisfies Fields;

const NODE = {
  input: [1, "texts"],
  output: [2, "texts"],
  name: [3, "text"],
  op_type: [4, "text"],
  attribute: [5, "many", ATTRIBUTE],
  domain: [7, "text"],
} as const satisfies Fields;

const DIMENSION = { dim_value: [1, "int"], dim_param: [2, "text"] } as const satisfies Fields;
const SHAPE = { dim: [1, "many", DIMENSION] } as const satisfies Fields;
const TENSOR_TYPE = { elem_type: [1, "int"], shape: [2, "one", SHAPE] } as const satisfies Fields;
const TYPE = { tensor_type: [1, "one", TENSOR_TYPE] } as const satisfies Fields;
const VALUE_INFO = { name: [1, "text"], type: [2, "one", TYPE] } as const satisfies Fields;

const GRAPH = {
  node: [1, "many", NODE],
  name: [2, "text"],
  initializer: [5, "many", TENSOR],
  doc_string: [10, "text"],
  input: [11, "many", VALUE_INFO],
  output: [12, "many", VALUE_INFO],
} as const satisfies Fields;

const MODEL = {
  ir_version: [1, "int"],
  producer_name: [2, "text"],
  producer_version: [3, "text"],
  graph: [7, "one", GRAPH],
  opset_import: [8, "many", { domain: [1, "text"], version: [2, "int"] }],
  metadata_props: [14, "many", { key: [1, "text"], value: [2, "text"] }],
} as const satisfies Fields;

/** A tensor that a file holds. */
export type TensorProto = Message<typeof TENSOR>;
/** A setting of a node. */
export type AttributeProto = Message<typeof ATTRIBUTE>;
/** An operation. */
export type NodeProto = Message<typeof NODE>;
/** Name, element type and shape of an input or output. */
export type ValueInfoProto = Message<typeof VALUE_INFO>;
/** A whole file. */
export type ModelProto = Message<typeof MODEL>;

/** Numbers of element types. */
export const ELEMENT = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
/** Numbers of the types of attributes, by the field that has the value. */
export const ATTRIBUTE_TYPE = { f: 1, i: 2, s: 3, ints: 7 } as const;

/** Returns a file's bytes. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  write(writer, MODEL, model);
  return writer.finish() as Uint8Array<ArrayBuffer>;
}

/** Reads a file. @throws Error with what is wrong where the bytes are no such message */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return read(bytes, MODEL, { left: MAX_MESSAGES }) as ModelProto;
}

/**
 * Maximum messages of a file: nodes, their attributes and all others. Empty ones are two bytes each;
 * ResNet-152 in int8 has less than 2¹³.
 */
const MAX_MESSAGES = 2 ** 17;

const UTF8 = new TextDecoder();

type Loose = { readonly [name: string]: unknown };

function write(writer: BinaryWriter, fields: Fields, message: Loose): void {
  for (const [name, [id, type, of]] of Object.entries(fields)) {
    const value = message[name];
    if (value === undefined) continue;
    const each = Array.isArray(value) ? value : [value];
    for (const item of each) {
      switch (type) {
        case "one":
        case "many":
          write(writer.tag(id, WireType.LengthDelimited).fork(), of!, item);
          writer.join();
          break;
        case "int":
        case "ints":
          writer.tag(id, WireType.Varint).int64(BigInt(item));
          break;
        case "float":
        case "floats":
          writer.tag(id, WireType.Bit32).float(item);
          break;
        case "text":
        case "texts":
          writer.tag(id, WireType.LengthDelimited).string(item);
          break;
        default:
          writer.tag(id, WireType.LengthDelimited).bytes(item);
      }
    }
  }
}

/** Tables are no deeper than six messages, so a file cannot make this recurse further. */
function read(bytes: Uint8Array, fields: Fields, messages: { left: number }): Loose {
  if (--messages.left < 0) throw new Error(`more than ${MAX_MESSAGES} nodes and other parts`);
  const byId = fieldsById(fields);
  const reader = new BinaryReader(bytes), message: Record<string, unknown> = {};
  while (reader.pos < reader.len) {
    const [id, wire] = reader.tag(), field = byId.get(id);
    if (!field) {
      reader.skip(wire, id);
      continue;
    }
    const { name, type, of } = field;
    const items = readItems(reader, wire, type, (part) => read(part, of!, messages));
    if (type === "many" || type.endsWith("s") && type !== "bytes") {
      const list = (message[name] ??= []) as unknown[];
      for (const item of items) list.push(item);
    } else message[name] = items.at(-1);
  }
  return message;
}

type FieldsById = ReadonlyMap<number, { name: string; type: Field[1]; of: Fields | undefined }>;

const INDEXES = new WeakMap<Fields, FieldsById>();

/** The fields of a table by number. */
function fieldsById(fields: Fields): FieldsById {
  const known = INDEXES.get(fields);
  if (known) return known;
  const index: FieldsById = new Map(
    Object.entries(fields).map(([name, [id, type, of]]) => [id, { name, type, of }]),
  );
  INDEXES.set(fields, index);
  return index;
}

/**
 * Values of one field: one, or any number where numbers are packed.
 *
 * @param readMessage reads the bytes of a message
 */
function readItems(
  reader: BinaryReader,
  wire: number,
  type: Field[1],
  readMessage: (bytes: Uint8Array) => Loose,
): unknown[] {
  const number = type.startsWith("int") || type.startsWith("float");
  if (!number) {
    if (wire !== WireType.LengthDelimited) {
      throw new Error(`a text or message of wire type ${wire}`);
    }
    const bytes = reader.bytes();
    if (type === "bytes") return [bytes];
    return [type.startsWith("text") ? UTF8.decode(bytes) : readMessage(bytes)];
  }
  const next = type.startsWith("int")
    ? (from: BinaryReader) => Number(from.int64())
    : (from: BinaryReader) => from.float();
  const alone = type.startsWith("int") ? WireType.Varint : WireType.Bit32;
  if (wire === alone) return [next(reader)];
  if (wire !== WireType.LengthDelimited) throw new Error(`a number of wire type ${wire}`);
  const packed = new BinaryReader(reader.bytes()), items = [];
  while (packed.pos < packed.len) items.push(next(packed));
  return items;
}
