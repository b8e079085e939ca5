/**
 * Reads a TFLite file as a chain of operators, and checks all that holds for any operator.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { visibleName } from "../../core/text.ts";
import { MAX_VALUES } from "../model_file.ts";
import { readModel } from "./flatbuffer_read.ts";
import {
  FIRST_LARGE_CODE,
  OPERATOR_NAMES,
  type OperatorName,
  OPERATORS,
  type Options,
  type OptionsName,
  type Table,
  TYPES,
} from "./schema.ts";

/** Types of tensors that qtrain computes with. */
type ElementType = "int8" | "uint8" | "int32" | "float32";

/** How a tensor's codes represent real values: scales[i] · (code − zeros[i]) along a dimension. */
interface Quantization {
  readonly scales: readonly number[];
  readonly zeros: readonly number[];
  readonly dimension: number;
}

/** A tensor of a file. */
export interface Tensor {
  readonly name: string;
  readonly type: ElementType;
  /** With the batch, as the file has it. */
  readonly shape: readonly number[];
  readonly quantization: Quantization | undefined;
  /** Its content, if it is constant: elements of its shape. */
  readonly content: Uint8Array | undefined;
}

/** An operator of a file. */
export interface Operator {
  readonly name: OperatorName;
  /** Numbers of tensors. */
  readonly inputs: readonly number[];
  readonly output: number;
  readonly options: Options | undefined;
  /** Throws an error that names file and operator. */
  fail(expected: string, got: string): never;
}

/** What a file computes. */
export interface Graph {
  /** By number. */
  readonly tensors: readonly Tensor[];
  /** Each after those that compute what it reads. */
  readonly operators: readonly Operator[];
  /** The number of the image's tensor. */
  readonly input: number;
  /** The number of the tensor of probabilities. */
  readonly output: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Maximum elements for an image of all tensors that are computed. */
const MAX_ALL_ELEMENTS = 2 ** 30;
/** Maximum dimensions. */
const MAX_RANK = 8;

/** What to do with a file that qtrain does not run. */
const OTHERS =
  `qtrain runs int8 networks of ${Object.keys(OPERATORS).join(", ")}: run others with ` +
  "LiteRT";

/**
 * Reads a file.
 *
 * @param file its name in messages
 * @throws {DataError} when it is damaged, or has what qtrain does not run
 */
export function readGraph(bytes: Uint8Array, file: string): Graph {
  return new GraphReader(readModel(bytes, file), file, bytes.length).read();
}

class GraphReader {
  /** Bytes of buffers that may yet be used: tensors may share them, but not so that little becomes much. */
  #left: number;
  #elements = 0;

  constructor(readonly model: Table<"Model">, readonly file: string, size: number) {
    this.#left = 4 * size;
  }

  read(): Graph {
    const [graph, ...others] = this.model.subgraphs;
    if (!graph || others.length > 0) {
      this.#fail("the model", "one subgraph", `${this.model.subgraphs.length}`);
    }
    const tensors = graph.tensors.map((tensor, number) => this.#tensor(tensor, number));
    const known = tensors.map(({ content }) => content !== undefined);
    const number = (what: string, list: readonly number[]) => {
      const [only = -1, ...more] = list;
      if (more.length > 0 || !tensors[only]) {
        this.#fail("the model", `one ${what} of its ${tensors.length} tensors`, `[${brief(list)}]`);
      }
      return only;
    };
    const input = number("input", graph.inputs), output = number("output", graph.outputs);
    if (known[input]) this.#fail("the model", "an input without content", "a constant");
    known[input] = true;
    const operators = graph.operators.map((operator, place) =>
      this.#operator(operator, place, tensors, known)
    );
    if (!known[output]) {
      this.#fail("the model", "an operator that computes its output", `tensor ${output} of none`);
    }
    return { tensors, operators, input, output, metadata: this.#metadata() };
  }

  #fail(where: string, expected: string, got: string, remedy = OTHERS): never {
    throw new DataError(`${this.file}: ${where}: expected ${expected}, got ${got}; ${remedy}`);
  }

  #damaged(where: string, expected: string, got: string): never {
    this.#fail(where, expected, got, "the file is damaged: export or download it again");
  }

  #content(where: string, buffer: number): Uint8Array {
    const { data, offset } = this.model.buffers[buffer] ??
      this.#damaged(where, `one of ${this.model.buffers.length} buffers`, `${buffer}`);
    if (offset > 1) this.#fail(where, "its content in the model", "a place outside of it");
    this.#spend(where, data.length);
    return data;
  }

  #spend(where: string, size: number): void {
    this.#left -= size;
    if (this.#left < 0) this.#damaged(where, "content of its own", "a buffer that many share");
  }

  #tensor(tensor: Table<"Tensor">, number: number): Tensor {
    const { name, shape, buffer, sparsity } = tensor, type = TYPES[tensor.type];
    const where = `tensor ${number} (${visibleName(name)})`;
    if (!isElementType(type)) {
      return this.#fail(where, "int8, uint8, int32 or float32", type ?? `type ${tensor.type}`);
    }
    const elements = shape.reduce((product, length) => product * length, 1);
    const whole = shape.length <= MAX_RANK && shape.every((length) => length > 0);
    const content = this.#content(where, buffer);
    // A constant has as many as the file has bytes for.
    const computed = content.length === 0 ? elements : 0;
    if (!whole || computed > MAX_VALUES) {
      const expected = `at most ${MAX_RANK} dimensions with ${MAX_VALUES} elements`;
      this.#damaged(where, expected, `[${brief(shape)}]`);
    }
    this.#elements += computed;
    if (this.#elements > MAX_ALL_ELEMENTS) {
      this.#fail(where, `at most ${MAX_ALL_ELEMENTS} elements of all tensors`, "more");
    }
    if (sparsity) this.#fail(where, "all elements", "a sparse tensor");
    const size = elements * (type === "int32" || type === "float32" ? 4 : 1);
    if (content.length !== 0 && content.length !== size) {
      this.#damaged(where, `${size} bytes for [${shape}]`, `${content.length}`);
    }
    const quantization = this.#quantization(tensor, where);
    return {
      name,
      type,
      shape,
      quantization,
      content: content.length === 0 ? undefined : content,
    };
  }

  #quantization(
    { quantization: how, shape }: Table<"Tensor">,
    where: string,
  ): Quantization | undefined {
    if (!how || how.scale.length === 0) return undefined;
    const { scale, quantized_dimension: dimension, zero_point, details_type } = how;
    if (details_type !== 0) this.#fail(where, "a scale and a zero point", "another quantization");
    const zeros = zero_point.length === 1 ? scale.map(() => zero_point[0]!) : zero_point;
    if (zeros.length !== scale.length) {
      this.#damaged(where, `${scale.length} zero points`, `${zero_point.length}`);
    }
    if (scale.length > 1 && scale.length !== shape[dimension]) {
      const expected = `a scale for each index of dimension ${dimension} of [${shape}]`;
      this.#damaged(where, expected, `${scale.length}`);
    }
    const wrong = scale.find((value) => !(value > 0 && value < Infinity));
    if (wrong !== undefined) this.#damaged(where, "scales above 0", `${wrong}`);
    return { scales: scale, zeros, dimension };
  }

  /** @param known whether a tensor is constant, the input, or computed by an operator before */
  #operator(
    { opcode_index, inputs, outputs, options }: Table<"Operator">,
    place: number,
    tensors: readonly Tensor[],
    known: boolean[],
  ): Operator {
    const where = `operator ${place}`, name = this.#name(where, opcode_index);
    const fail = (expected: string, got: string): never =>
      this.#fail(`${where}, ${name}`, expected, got);
    // An optional input is left out as −1 at the end of the list.
    const given = inputs.at(-1) === -1 ? inputs.slice(0, -1) : inputs;
    const unknown = given.find((input) => !known[input]);
    if (unknown !== undefined) {
      fail("inputs that are computed before it", `tensor ${unknown}`);
    }
    for (const input of given) this.#spend(where, tensors[input]!.content?.length ?? 0);
    const [output = -1, ...more] = outputs;
    if (more.length > 0 || known[output] !== false) {
      fail("one output that nothing else computes", `[${brief(outputs)}]`);
    }
    known[output] = true;
    return { name, inputs: given, output, options, fail };
  }

  #name(where: string, index: number): OperatorName {
    const code = this.model.operator_codes[index] ??
      this.#damaged(where, `one of ${this.model.operator_codes.length} codes`, `${index}`);
    // Files of before 2020 have the number in the first field alone.
    const { deprecated_builtin_code: small, builtin_code: large, custom_code } = code;
    const number = small === FIRST_LARGE_CODE ? large : Math.max(small, large);
    const name = OPERATOR_NAMES[number] ?? `operator ${number} of TensorFlow Lite`;
    if (!isOperatorName(name)) {
      const custom = name === "CUSTOM" ? `CUSTOM (${visibleName(custom_code)})` : name;
      return this.#fail(where, "an operator that qtrain runs", custom);
    }
    return name;
  }

  #metadata(): Record<string, string> {
    const texts: [string, string][] = [], decoder = new TextDecoder("utf-8", { fatal: true });
    for (const { name, buffer } of this.model.metadata) {
      try {
        texts.push([name, decoder.decode(this.#content(`metadata ${visibleName(name)}`, buffer))]);
      } catch (error) {
        if (error instanceof DataError) throw error; // Else it is no text.
      }
    }
    return Object.fromEntries(texts);
  }
}

/**
 * Returns an operator's options.
 *
 * @throws {DataError} when it has others
 */
export function optionsOf<Name extends OptionsName>(
  { options, fail }: Operator,
  table: Name,
): Table<Name> {
  if (options?.table !== table) return fail(table, options?.table ?? "none");
  return options as Table<Name>;
}

/** A list in a message. */
function brief(list: readonly number[]): string {
  return list.length > MAX_RANK ? `${list.slice(0, MAX_RANK).join()},…` : list.join();
}

function isElementType(type: string | undefined): type is ElementType {
  return type === "int8" || type === "uint8" || type === "int32" || type === "float32";
}

function isOperatorName(name: string): name is OperatorName {
  return Object.hasOwn(OPERATORS, name);
}
