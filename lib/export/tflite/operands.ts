/**
 * What operators of a TFLite file expect of their tensors.
 *
 * @module
 */
import { roundHalfEven } from "../../quant/range.ts";
import { MAX_WORK } from "../model_file.ts";
import type { Graph, Operator, Tensor } from "./graph.ts";
import { ACTIVATIONS } from "./schema.ts";

/** A tensor that is computed. */
export interface Computed {
  /** Lengths of the dimensions for an image. */
  readonly shape: readonly number[];
  /** Their product. */
  readonly elements: number;
}

/** A tensor of codes that is computed: real = scale · (code − zero). */
export interface Codes extends Computed {
  readonly scale: number;
  readonly zero: number;
}

/** Weights: a constant of int8 codes with zero points of 0. */
export interface Weights {
  readonly shape: readonly number[];
  readonly codes: Int8Array;
  /** One for all outputs, or one for each. */
  readonly scales: readonly number[];
  /** The dimension of `scales`. */
  readonly dimension: number;
}

/** Maximum factor between scales: above 256, one step of the sum is all codes of the output. */
const MAX_FACTOR = 2 ** 24;

/** The tensors of an operator, checked as they are asked for. */
export class Operands {
  readonly #batch: number;

  /** @param work what the operators before it compute */
  constructor(readonly operator: Operator, readonly graph: Graph, public work: number) {
    this.#batch = graph.tensors[graph.input]!.shape[0] ?? 1;
    this.spend(graph.tensors[operator.output]!.shape.reduce((product, size) => product * size, 1));
  }

  /** Counts products, comparisons or values for an image. */
  spend(work: number): void {
    this.work += work;
    if (this.work > MAX_WORK) {
      this.operator.fail(`a network of at most ${MAX_WORK} products for an image`, `${this.work}`);
    }
  }

  /** The input of a place, `undefined` if it is left out. */
  find(place: number): Tensor | undefined {
    const number = this.operator.inputs[place];
    return number === undefined ? undefined : this.graph.tensors[number];
  }

  /** Makes sure of the number of inputs. */
  count(least: number, most = least): void {
    const { inputs: { length }, fail } = this.operator;
    if (length >= least && length <= most) return;
    fail(least === most ? `${least} inputs` : `${least} to ${most} inputs`, `${length}`);
  }

  /** An input that is computed. */
  input(place: number, type: Tensor["type"]): Computed {
    return this.#computed(this.find(place)!, `input ${place}`, type);
  }

  /** An input of int8 codes. */
  inputCodes(place: number, rank?: number): Codes {
    const tensor = this.find(place)!, codes = this.codes(tensor, `input ${place}`);
    if (rank !== undefined && tensor.shape.length !== rank) {
      this.operator.fail(`${rank} dimensions of input ${place}`, `[${tensor.shape}]`);
    }
    return codes;
  }

  /** The output. */
  output(type: Tensor["type"], shape: readonly number[]): Computed {
    const tensor = this.graph.tensors[this.operator.output]!;
    const computed = this.#computed(tensor, "output", type);
    if (computed.shape.join() !== shape.join()) {
      this.operator.fail(`output [${[this.#batch, ...shape]}]`, `[${tensor.shape}]`);
    }
    return computed;
  }

  /** The output of int8 codes. */
  outputCodes(shape: readonly number[]): Codes {
    this.output("int8", shape);
    return this.codes(this.graph.tensors[this.operator.output]!, "output");
  }

  /** The output of int8 codes, whose quantizer is that of an input. */
  outputCodesLike({ scale, zero }: Codes, shape: readonly number[]): Codes {
    const output = this.outputCodes(shape);
    if (output.scale !== scale || output.zero !== zero) {
      const got = `${output.scale} and ${output.zero}`;
      this.operator.fail(`scale ${scale} and zero point ${zero} of the output`, got);
    }
    return output;
  }

  /** A tensor of codes that is computed. */
  codes(tensor: Tensor, what: string, type: "int8" | "uint8" = "int8"): Codes {
    const computed = this.#computed(tensor, what, type), { fail } = this.operator;
    const [scale, ...others] = tensor.quantization?.scales ?? [];
    const zero = tensor.quantization?.zeros[0] ?? 0, lowest = type === "int8" ? -128 : 0;
    if (scale === undefined || others.length > 0) {
      return fail(`one scale of the ${what}`, `${tensor.quantization?.scales.length ?? "none"}`);
    }
    if (zero < lowest || zero > lowest + 255) fail(`a zero point of ${type}`, `${zero}`);
    return { ...computed, scale, zero };
  }

  #computed(tensor: Tensor, what: string, type: Tensor["type"]): Computed {
    const [batch, ...shape] = tensor.shape, { fail } = this.operator;
    if (tensor.content) fail(`an ${what} that is computed`, "a constant");
    if (tensor.type !== type) fail(`${what} of ${type}`, tensor.type);
    if (batch !== this.#batch) fail(`a batch of ${this.#batch} in the ${what}`, `${batch}`);
    return { shape, elements: shape.reduce((product, length) => product * length, 1) };
  }

  #constant(place: number, type: Tensor["type"]): Tensor & { readonly content: Uint8Array } {
    const { content, ...tensor } = this.find(place)!, { fail } = this.operator;
    if (!content) return fail(`a constant as input ${place}`, "a tensor that is computed");
    if (tensor.type !== type) fail(`input ${place} of ${type}`, tensor.type);
    return { ...tensor, content };
  }

  /** A constant of whole numbers. */
  numbers(place: number): { readonly shape: readonly number[]; readonly values: Int32Array } {
    const { shape, content } = this.#constant(place, "int32");
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const values = new Int32Array(content.length / 4);
    for (let i = 0; i < values.length; i++) values[i] = view.getInt32(4 * i, true);
    return { shape, values };
  }

  /** A constant of int8. */
  int8(place: number): Int8Array {
    const { content } = this.#constant(place, "int8");
    return new Int8Array(content.buffer, content.byteOffset, content.byteLength);
  }

  /** Weights of a number of dimensions, with scales for all outputs or along one of them. */
  weights(place: number, rank: number, along: number): Weights {
    const { shape, quantization } = this.#constant(place, "int8"), { fail } = this.operator;
    if (shape.length !== rank) fail(`weights of ${rank} dimensions`, `[${shape}]`);
    if (!quantization) return fail("scales of the weights", "none");
    const { scales, zeros, dimension } = quantization;
    if (scales.length > 1 && dimension !== along) {
      fail(`scales of the weights along dimension ${along}`, `${dimension}`);
    }
    const zero = zeros.find((value) => value !== 0);
    if (zero !== undefined) fail("zero points 0 of the weights", `${zero}`);
    return { shape, codes: this.int8(place), scales, dimension };
  }

  /** Biases of int32, zeros if they are left out. */
  bias(place: number, outputs: number): Int32Array {
    if (!this.find(place)) return new Int32Array(outputs);
    const { values } = this.numbers(place);
    if (values.length !== outputs) {
      this.operator.fail(`${outputs} biases`, `${values.length}`);
    }
    return values;
  }

  /** The factor, in f32, that takes codes of a scale to codes of another. */
  factor(from: number, to: number): number {
    const factor = Math.fround(from / to);
    if (!(factor > 0 && factor < MAX_FACTOR)) {
      this.operator.fail(`a factor of up to ${MAX_FACTOR} between scales`, `${from} / ${to}`);
    }
    return factor;
  }

  /** The lowest and the highest code that an activation gives. */
  bounds(
    activation: number,
    { scale, zero }: Codes,
  ): { readonly low: number; readonly high: number } {
    const { none, relu, relu6 } = ACTIVATIONS;
    if (activation === none) return { low: -128, high: 127 };
    if (activation !== relu && activation !== relu6) {
      this.operator.fail("no activation, RELU or RELU6", `activation ${activation}`);
    }
    const six = zero + roundHalfEven(Math.fround(6 / scale));
    return { low: zero, high: activation === relu ? 127 : Math.min(six, 127) };
  }
}
