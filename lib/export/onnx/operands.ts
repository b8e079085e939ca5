/**
 * What an ONNX node reads: its inputs and attributes, checked as its operation asks for them.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { visibleName } from "../../core/text.ts";
import { type Constant, type OnnxNode, product } from "./decode.ts";
import type { Data, Flow, Form, Shape } from "./flow.ts";
import { ATTRIBUTE_TYPE, type AttributeProto } from "./schema.ts";

/** A constant with scales: value = scale · (code − zero), by index along `axis`. */
export interface Scaled {
  readonly codes: Constant;
  /** One, or one for each index. */
  readonly scales: Float32Array;
  readonly zeros: ArrayLike<number>;
  readonly axis: number;
}

/** A constant, with or without scales, or a tensor that is computed. */
export type Value = Constant | Scaled | Flow;

/** An output that takes computing. */
export interface Computation {
  readonly shape: Shape;
  readonly form: Form;
  /** The tensors that it reads. */
  readonly reads: readonly Flow[];
  /** Multiplications or comparisons for an image. */
  readonly work: number;
  /** Weights that were laid out anew. */
  readonly prepared?: number;
  /** @param data what is stored of `reads` */
  compute(count: number, data: readonly Data[]): Data;
}

/** Inputs and attributes of a node. */
export class Operands {
  readonly #read = new Set<string>();

  constructor(readonly node: OnnxNode, readonly inputs: readonly (Value | undefined)[]) {}

  /** @throws DataError with the node */
  fail(expected: string, got: string): never {
    throw new DataError(
      `${this.node.place}: expected ${expected}, got ${got}; run it with ONNX Runtime`,
    );
  }

  /** Throws a DataError for a number of inputs that the operation does not have. */
  expectInputs(least: number, most = least): void {
    const { length } = this.inputs;
    const range = least === most ? `${least}` : `${least} to ${most}`;
    if (length < least || length > most) this.fail(`${range} inputs`, `${length}`);
  }

  /** A tensor that is computed. @throws DataError where the input is anything else */
  flow(index: number, ...orders: readonly Shape["order"][]): Flow {
    const value = this.inputs[index];
    if (!value || !("slot" in value)) {
      this.fail(`a tensor that is computed as input ${index}`, value ? "a constant" : "none");
    }
    if (orders.length > 0 && !orders.includes(value.shape.order)) {
      this.fail(`dimensions ${orders.map(namesOf).join(" or ")}`, namesOf(value.shape.order));
    }
    return value;
  }

  /** A tensor that is computed and has real values. */
  reals(index: number, ...orders: readonly Shape["order"][]): Flow {
    const flow = this.flow(index, ...orders), { kind } = flow.form;
    if (kind === "codes" || kind === "pixels") {
      this.fail("real values", "whole numbers");
    }
    return flow;
  }

  /** A constant of one of these types, if the input is there. */
  optionalConstant(index: number, ...types: readonly Constant["type"][]): Constant | undefined {
    const value = this.inputs[index];
    if (!value) return undefined;
    if (!("values" in value)) {
      this.fail(`a constant as input ${index}`, "a tensor that is computed");
    }
    if (!types.includes(value.type)) this.fail(`a constant of ${types.join(" or ")}`, value.type);
    return value;
  }

  /** A constant of one of these types. */
  constant(index: number, ...types: readonly Constant["type"][]): Constant {
    return this.optionalConstant(index, ...types) ??
      this.fail(`a constant as input ${index}`, "none");
  }

  /** The one number of a constant. */
  scalar(constant: Constant): number {
    if (constant.values.length !== 1) {
      this.fail("a constant of one number", `${constant.values.length} numbers`);
    }
    return constant.values[0]!;
  }

  /** A scale that is above 0. */
  expectScale(scale: number): number {
    if (!(scale > 0 && scale < Infinity)) this.fail("a scale above 0", `${scale}`);
    return scale;
  }

  /** A whole number. */
  int(name: string, otherwise: number): number {
    const value = this.#attribute(name, "i", 0) ?? otherwise;
    return Number.isSafeInteger(value) ? value : this.fail(`a whole number as ${name}`, `${value}`);
  }

  /** Whole numbers, as many as in `otherwise`. */
  ints<T extends readonly number[]>(name: string, otherwise: T): T {
    const values = this.#attribute(name, "ints", []) ?? otherwise;
    if (values.length === otherwise.length && values.every(Number.isSafeInteger)) {
      return values as T;
    }
    this.fail(`${otherwise.length} whole numbers as ${name}`, `[${values.slice(0, 8)}]`);
  }

  /** A real number. */
  float(name: string, otherwise: number): number {
    return this.#attribute(name, "f", 0) ?? otherwise;
  }

  /** A text. */
  text(name: string, otherwise: string): string {
    const bytes = this.#attribute(name, "s", new Uint8Array());
    return bytes ? visibleName(new TextDecoder().decode(bytes)) : otherwise;
  }

  /** Throws a DataError for an attribute with a value other than the one that is run. */
  expectInt(name: string, only: number): void {
    const value = this.int(name, only);
    if (value !== only) this.fail(`${name} ${only}`, `${value}`);
  }

  /** Throws a DataError for an attribute that the operation has not asked for. */
  expectAllRead(): void {
    for (const name of this.node.attributes.keys()) {
      if (!this.#read.has(name)) this.fail("only attributes that qtrain knows", visibleName(name));
    }
  }

  /**
   * The value of an attribute that the node has.
   *
   * @param empty its value where the file has only its type: writers of proto3 leave out 0
   * @throws DataError for an attribute of another type
   */
  #attribute<T extends keyof typeof ATTRIBUTE_TYPE>(
    name: string,
    field: T,
    empty: NonNullable<AttributeProto[T]>,
  ): NonNullable<AttributeProto[T]> | undefined {
    this.#read.add(name);
    const attribute = this.node.attributes.get(name);
    if (!attribute) return undefined;
    const { type, [field]: value } = attribute, expected = ATTRIBUTE_TYPE[field];
    // Files of the first version of the format have no types.
    if ((type || expected) !== expected || !type && value === undefined) {
      this.fail(`${name} of type ${expected}`, `type ${type || "none"}`);
    }
    return value ?? empty;
  }
}

/** A constant's real values. */
export function constantReals(value: Constant | Scaled): Float32Array {
  if ("values" in value) {
    return value.values instanceof Float32Array ? value.values : new Float32Array(value.values);
  }
  const { codes: { values, dims }, scales, zeros, axis } = value;
  const inner = product(dims.slice(axis + 1)), many = scales.length > 1;
  const reals = new Float32Array(values.length);
  for (let i = 0; i < reals.length; i++) {
    const at = many ? Math.floor(i / inner) % scales.length : 0;
    reals[i] = (values[i]! - (zeros[at] ?? 0)) * scales[at]!;
  }
  return reals;
}

const namesOf = (order: Shape["order"]) =>
  ({ nchw: "[batch, c, h, w]", nhwc: "[batch, h, w, c]", nc: "[batch, c]" })[order];
