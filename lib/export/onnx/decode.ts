/**
 * Reads an ONNX file into a graph whose parts have been checked one by one: names, attributes, and
 * that constants have the bytes of their shape.
 *
 * @module
 */
import { DataError, QtrainError } from "../../core/errors.ts";
import { visibleName } from "../../core/text.ts";
import {
  type AttributeProto,
  decodeModel,
  ELEMENT,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./schema.ts";

/** Element types that are read. */
type ElementType = keyof typeof ELEMENT;

/** A tensor that the file holds. */
export interface Constant {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** In row-major order; int64 as numbers. */
  readonly values: Float32Array | Uint8Array | Int8Array | Int32Array | Float64Array;
}

/** An operation. */
export interface OnnxNode {
  readonly op: string;
  /** For messages: its name and operation. */
  readonly place: string;
  /** Names of its inputs, "" for those left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeProto>;
}

/** A file that has been read. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly input: ValueInfoProto;
  readonly output: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const ELEMENT_TYPES = new Map<number, ElementType>(
  Object.entries(ELEMENT).map(([name, id]) => [id, name as ElementType]),
);
const WIDTHS = { float: 4, uint8: 1, int8: 1, int32: 4, int64: 8 } as const;
/** Least and greatest value of the types whose numbers a file may list as int32. */
const WHOLE_LIMITS: ReadonlyMap<ElementType, readonly [least: number, most: number]> = new Map([
  ["uint8", [0, 255]],
  ["int8", [-128, 127]],
  ["int32", [-(2 ** 31), 2 ** 31 - 1]],
]);
/** Opsets in which the operations that are run have the same definitions. */
const OPSETS = { lowest: 13, highest: 21 };

/**
 * Reads a file.
 *
 * @param file its name in messages
 * @throws DataError where it is damaged or holds what qtrain does not read
 */
export function decodeOnnx(bytes: Uint8Array, file: string): OnnxGraph {
  let model: ModelProto;
  try {
    model = decodeModel(bytes);
  } catch (error) {
    if (error instanceof QtrainError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new DataError(
      `${file}: not an ONNX file, or a damaged one: ${why}; export or download it again`,
    );
  }
  const { graph, opset_import = [], metadata_props = [] } = model;
  const [input, ...more] = graph?.input ?? [], outputs = graph?.output ?? [];
  if (!graph?.node?.length) {
    throw new DataError(
      `${file}: expected an ONNX file with a network, got none; export or download it again`,
    );
  }
  expectOpset(opset_import, file);
  const constants = readConstants(graph.initializer ?? [], file);
  // Older files list constants among the inputs.
  const others = more.filter(({ name }) => !constants.has(name ?? ""));
  if (!input || others.length > 0 || outputs.length !== 1) {
    throw new DataError(
      `${file}: expected a network with one input and one output, got ` +
        `${input ? 1 + others.length : 0} and ${outputs.length}`,
    );
  }
  return {
    nodes: graph.node.map((node, i) => readNode(node, i, file)),
    constants,
    input,
    output: outputs[0]!.name ?? "",
    metadata: Object.fromEntries(metadata_props.map(({ key = "", value = "" }) => [key, value])),
  };
}

function expectOpset(imports: NonNullable<ModelProto["opset_import"]>, file: string): void {
  const version = imports.find(({ domain = "" }) => domain === "" || domain === "ai.onnx")?.version;
  const { lowest, highest } = OPSETS;
  if (version !== undefined && version >= lowest && version <= highest) return;
  throw new DataError(
    `${file}: expected ONNX operations of version ${lowest} to ${highest} (opset_import), got ` +
      `${version ?? "none"}; export it with opset ${lowest}`,
  );
}

function readNode(node: NodeProto, index: number, file: string): OnnxNode {
  const { op_type = "", name = "", domain = "", input = [], output = [], attribute = [] } = node;
  const place = `${file}: node ${name ? visibleName(name) : index} (${visibleName(op_type)})`;
  if (domain !== "" && domain !== "ai.onnx") {
    throw new DataError(
      `${place}: expected an operation of ONNX, got one of ${visibleName(domain)}`,
    );
  }
  const attributes = new Map(attribute.map((a) => [a.name ?? "", a]));
  return { op: op_type, place, inputs: input, outputs: output, attributes };
}

function readConstants(tensors: readonly TensorProto[], file: string): Map<string, Constant> {
  const constants = new Map<string, Constant>();
  for (const tensor of tensors) {
    const constant = readConstant(tensor, file);
    if (constants.has(constant.name)) {
      throw new DataError(`${file}: constant ${visibleName(constant.name)} is there twice`);
    }
    constants.set(constant.name, constant);
  }
  return constants;
}

function readConstant(tensor: TensorProto, file: string): Constant {
  const { name = "", dims = [], data_type = 0, data_location = 0, raw_data } = tensor;
  const place = `${file}: constant ${visibleName(name)}`, type = ELEMENT_TYPES.get(data_type);
  if (!type) {
    throw new DataError(
      `${place}: expected elements of type ${
        Object.keys(ELEMENT).join(", ")
      }, got type ${data_type}`,
    );
  }
  if (data_location !== 0) {
    throw new DataError(
      `${place}: expected its values in the file, got values in another file; save the network as ` +
        "one file",
    );
  }
  const listed = type === "float"
    ? tensor.float_data
    : type === "int64"
    ? tensor.int64_data
    : tensor.int32_data;
  const have = raw_data ? raw_data.length / WIDTHS[type] : listed?.length ?? 0;
  if (dims.some((size) => !Number.isInteger(size) || size < 0) || product(dims) !== have) {
    throw new DataError(
      `${place}: expected the values of shape [${dims.slice(0, 8)}], got ${have}`,
    );
  }
  const limits = WHOLE_LIMITS.get(type);
  if (!raw_data && limits) {
    const [least, most] = limits, wrong = listed?.find((value) => value < least || value > most);
    if (wrong !== undefined) {
      throw new DataError(
        `${place}: expected ${type} values of ${least} to ${most}, got ${wrong}; export or ` +
          "download it again",
      );
    }
  }
  return { name, type, dims, values: valuesOf(type, raw_data ?? listed ?? []) };
}

/** The product of sizes. */
export function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/** Values from bytes, which may begin anywhere in the file, or from numbers. */
function valuesOf(type: ElementType, from: Uint8Array | readonly number[]): Constant["values"] {
  const bytes = from instanceof Uint8Array ? from.slice() : undefined;
  switch (type) {
    case "float":
      return bytes ? new Float32Array(bytes.buffer) : Float32Array.from(from);
    case "uint8":
      return bytes ?? Uint8Array.from(from);
    case "int8":
      return bytes ? new Int8Array(bytes.buffer) : Int8Array.from(from);
    case "int32":
      return bytes ? new Int32Array(bytes.buffer) : Int32Array.from(from);
    default:
      return bytes
        ? Float64Array.from(new BigInt64Array(bytes.buffer), Number)
        : Float64Array.from(from);
  }
}
