/**
 * The part of TensorFlow Lite's file format (schema.fbs, version 3) that qtrain reads and writes:
 * tables of a FlatBuffer with the number and type of each field, operators, and enumerations.
 *
 * @module
 */

/** A field: its number in the table, its type, and its value where the file has none, if not 0. */
type Field = readonly [number: number, type: string, initial?: number];

/**
 * Tables by name. The types of fields are those of schema.fbs: `int[]` is a vector of them, `bytes` one
 * of bytes at a multiple of 16, `options` the union of the tables that {@linkcode OPTIONS} names.
 */
export const TABLES = {
  Model: {
    version: [0, "uint"],
    operator_codes: [1, "OperatorCode[]"],
    subgraphs: [2, "SubGraph[]"],
    description: [3, "string"],
    buffers: [4, "Buffer[]"],
    metadata: [6, "Metadata[]"],
    signature_defs: [7, "SignatureDef[]"],
  },
  OperatorCode: {
    deprecated_builtin_code: [0, "byte"],
    custom_code: [1, "string"],
    version: [2, "int", 1],
    builtin_code: [3, "int"],
  },
  SubGraph: {
    tensors: [0, "Tensor[]"],
    inputs: [1, "int[]"],
    outputs: [2, "int[]"],
    operators: [3, "Operator[]"],
    name: [4, "string"],
  },
  Tensor: {
    shape: [0, "int[]"],
    type: [1, "byte"],
    buffer: [2, "uint"],
    name: [3, "string"],
    quantization: [4, "QuantizationParameters"],
    sparsity: [6, "SparsityParameters"],
    shape_signature: [7, "int[]"],
  },
  QuantizationParameters: {
    scale: [2, "float[]"],
    zero_point: [3, "long[]"],
    details_type: [4, "ubyte"],
    quantized_dimension: [6, "int"],
  },
  SparsityParameters: {},
  Operator: {
    opcode_index: [0, "uint"],
    inputs: [1, "int[]"],
    outputs: [2, "int[]"],
    /** Its type is field 3, its table field 4. */
    options: [3, "options"],
  },
  Buffer: { data: [0, "bytes"], offset: [1, "ulong"] },
  Metadata: { name: [0, "string"], buffer: [1, "uint"] },
  SignatureDef: {
    inputs: [0, "TensorMap[]"],
    outputs: [1, "TensorMap[]"],
    signature_key: [2, "string"],
    subgraph_index: [4, "uint"],
  },
  TensorMap: { name: [0, "string"], tensor_index: [1, "uint"] },
  Conv2DOptions: {
    padding: [0, "byte"],
    stride_w: [1, "int"],
    stride_h: [2, "int"],
    activation: [3, "byte"],
    dilation_w: [4, "int", 1],
    dilation_h: [5, "int", 1],
  },
  DepthwiseConv2DOptions: {
    padding: [0, "byte"],
    stride_w: [1, "int"],
    stride_h: [2, "int"],
    depth_multiplier: [3, "int"],
    activation: [4, "byte"],
    dilation_w: [5, "int", 1],
    dilation_h: [6, "int", 1],
  },
  Pool2DOptions: {
    padding: [0, "byte"],
    stride_w: [1, "int"],
    stride_h: [2, "int"],
    filter_w: [3, "int"],
    filter_h: [4, "int"],
    activation: [5, "byte"],
  },
  FullyConnectedOptions: {
    activation: [0, "byte"],
    weights_format: [1, "byte"],
    keep_num_dims: [2, "bool"],
  },
  SoftmaxOptions: { beta: [0, "float"] },
  AddOptions: { activation: [0, "byte"] },
  ReshapeOptions: { new_shape: [0, "int[]"] },
  ReducerOptions: { keep_dims: [0, "bool"] },
} as const satisfies Record<string, Record<string, Field>>;

/** Tables of options by their number in the union. Operators without a table here have no options. */
export const OPTIONS = {
  1: "Conv2DOptions",
  2: "DepthwiseConv2DOptions",
  5: "Pool2DOptions",
  8: "FullyConnectedOptions",
  9: "SoftmaxOptions",
  11: "AddOptions",
  17: "ReshapeOptions",
  27: "ReducerOptions",
} as const satisfies Record<number, TableName>;

/** Bytes of a scalar, by type. */
export const SCALARS = {
  bool: 1,
  byte: 1,
  ubyte: 1,
  int: 4,
  uint: 4,
  float: 4,
  long: 8,
  ulong: 8,
} as const;

/** The name of a scalar's type. */
export type ScalarName = keyof typeof SCALARS;
/** The name of a table. */
export type TableName = keyof typeof TABLES;
/** The name of a table of options. */
export type OptionsName = typeof OPTIONS[keyof typeof OPTIONS];

/** The options of an operator: a table and its name. */
export type Options = {
  [Name in OptionsName]: { readonly table: Name } & Table<Name>;
}[OptionsName];

type Value<Type> = Type extends `${infer Element}[]` ? readonly Value<Element>[]
  : Type extends ScalarName ? number
  : Type extends "string" ? string
  : Type extends "bytes" ? Uint8Array
  : Type extends "options" ? Options | undefined
  : Type extends TableName ? Table<Type> | undefined
  : never;

type Element<Type> = Type extends readonly (infer Item)[] ? readonly Exclude<Item, undefined>[]
  : Type;

/** A table's fields. What a file leaves out is 0 or empty; a table or options may be absent. */
export type Table<Name extends TableName> = {
  readonly [Key in keyof typeof TABLES[Name]]: typeof TABLES[Name][Key] extends
    readonly [number, infer Type, number?] ? Element<Value<Type>> : never;
};

/** What a file begins with, after the place of its model. */
export const IDENTIFIER = "TFL3";
/** The version of the format. */
export const FORMAT_VERSION = 3;

/** Element types of tensors by their number. */
export const TYPES = ["float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16"]
  .concat(["complex64", "int8", "float64", "complex128", "uint64", "resource", "variant"])
  .concat(["uint32", "uint16", "int4", "bfloat16"]);

/** How a window treats the edge: SAME adds zeros, more of them at the end; VALID adds none. */
export const PADDING = { same: 0, valid: 1 } as const;
/** Activations that are part of an operator. */
export const ACTIVATIONS = { none: 0, relu: 1, relu6: 3 } as const;

/** Operators that qtrain runs: their number, and the version that takes int8 where it computes codes. */
export const OPERATORS = {
  ADD: [0, 2],
  CONV_2D: [3, 3],
  DEPTHWISE_CONV_2D: [4, 3],
  DEQUANTIZE: [6, 2],
  FULLY_CONNECTED: [9, 4],
  MAX_POOL_2D: [17, 2],
  RELU: [19, 2],
  RELU6: [21, 2],
  RESHAPE: [22, 1],
  SOFTMAX: [25, 1],
  PAD: [34, 2],
  MEAN: [40, 2],
  PADV2: [60, 2],
  QUANTIZE: [114, 1],
} as const satisfies Record<string, readonly [number: number, version: number]>;

/** The name of an operator that qtrain runs. */
export type OperatorName = keyof typeof OPERATORS;

/** The number from which an operator's stands in `builtin_code` alone. */
export const FIRST_LARGE_CODE = 127;

/** All operators by number, for messages. */
export const OPERATOR_NAMES: readonly string[] = (
  "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE " +
  "EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D " +
  "LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 " +
  "RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM " +
  "CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND " +
  "SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE " +
  "BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM " +
  "CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE " +
  "SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE " +
  "POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT " +
  "UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE " +
  "RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL " +
  "REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE " +
  "MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 " +
  "SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER CUMSUM CALL_ONCE BROADCAST_TO " +
  "RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE " +
  "REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS " +
  "RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE " +
  "RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 " +
  "UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT"
).split(" ");
