/**
 * Collects the tensors, buffers and operators of a TFLite model.
 *
 * @module
 */
import type { Quantizer } from "../network.ts";
import {
  FIRST_LARGE_CODE,
  FORMAT_VERSION,
  type OperatorName,
  OPERATORS,
  type Options,
  type Table,
  TYPES,
} from "./schema.ts";

/** The content of a constant tensor, by type of element. */
type Constant = Int8Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Quantizers of a constant tensor, one for each index of a dimension. */
interface ConstantScales {
  readonly scales: Iterable<number>;
  /** The zero point of all. Default 0. */
  readonly zero?: number;
  readonly dimension: number;
}

/** A model under construction. Tensors are numbered in the order they are added. */
export class ModelBuilder {
  readonly #tensors: Table<"Tensor">[] = [];
  /** The first is empty: that of tensors without content. */
  readonly #buffers: Table<"Buffer">[] = [{ data: new Uint8Array(), offset: 0 }];
  readonly #operators: Table<"Operator">[] = [];
  readonly #codes: OperatorName[] = [];

  /**
   * Adds a tensor that is computed, of any number of images.
   *
   * @param shape without the batch
   */
  tensor(
    name: string,
    type: "int8" | "uint8" | "float32",
    shape: readonly number[],
    quantizer?: Quantizer,
  ): number {
    const quantization = quantizer && quantizationOf([quantizer.scale], [quantizer.zero], 0);
    return this.#add({
      name,
      type: TYPES.indexOf(type),
      shape: [1, ...shape],
      shape_signature: [-1, ...shape],
      buffer: 0,
      quantization,
      sparsity: undefined,
    });
  }

  /** Adds a tensor with content. */
  constant(name: string, shape: readonly number[], data: Constant, how?: ConstantScales): number {
    const scales = Array.from(how?.scales ?? []), zeros = scales.map(() => how?.zero ?? 0);
    return this.#add({
      name,
      type: TYPES.indexOf(data instanceof Int8Array ? "int8" : "int32"),
      shape,
      shape_signature: [],
      buffer: this.#buffer(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
      quantization: how && quantizationOf(scales, zeros, how.dimension),
      sparsity: undefined,
    });
  }

  /** Adds an operator that computes one tensor. */
  operator(
    name: OperatorName,
    inputs: readonly number[],
    output: number,
    options?: Options,
  ): void {
    if (!this.#codes.includes(name)) this.#codes.push(name);
    const opcode_index = this.#codes.indexOf(name);
    this.#operators.push({ opcode_index, inputs, outputs: [output], options });
  }

  /**
   * Returns the model.
   *
   * @param input the tensor that it reads, by name
   * @param output the tensor that it gives, by name
   * @param metadata texts, by key
   */
  finish(
    description: string,
    input: readonly [name: string, tensor: number],
    output: readonly [name: string, tensor: number],
    metadata: Readonly<Record<string, string>>,
  ): Table<"Model"> {
    const maps = ([name, tensor_index]: readonly [string, number]) => [{ name, tensor_index }];
    return {
      version: FORMAT_VERSION,
      description,
      operator_codes: this.#codes.map((name) => {
        const [code, version] = OPERATORS[name];
        const deprecated_builtin_code = Math.min(code, FIRST_LARGE_CODE);
        return { deprecated_builtin_code, builtin_code: code, custom_code: "", version };
      }),
      subgraphs: [{
        name: "main",
        tensors: this.#tensors,
        inputs: [input[1]],
        outputs: [output[1]],
        operators: this.#operators,
      }],
      metadata: Object.entries(metadata).map(([name, text]) => {
        return { name, buffer: this.#buffer(new TextEncoder().encode(text)) };
      }),
      signature_defs: [{
        inputs: maps(input),
        outputs: maps(output),
        signature_key: "serving_default",
        subgraph_index: 0,
      }],
      buffers: this.#buffers,
    };
  }

  #add(tensor: Table<"Tensor">): number {
    return this.#tensors.push(tensor) - 1;
  }

  #buffer(data: Uint8Array): number {
    return this.#buffers.push({ data, offset: 0 }) - 1;
  }
}

function quantizationOf(
  scale: readonly number[],
  zero_point: readonly number[],
  quantized_dimension: number,
): Table<"QuantizationParameters"> {
  return { scale, zero_point, quantized_dimension, details_type: 0 };
}
