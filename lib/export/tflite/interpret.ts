/**
 * Runs TFLite files: those that qtrain writes, and other int8 networks of the same operators. Codes are
 * those that LiteRT computes.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { Interpreter, Observed } from "../model_file.ts";
import { Operands } from "./operands.ts";
import { type Graph, readGraph } from "./graph.ts";
import { type Compute, type Elements, MOVES, OPERATOR_KERNELS, realValues } from "./operators.ts";

/** An operator, ready to compute. */
interface Step {
  readonly inputs: readonly number[];
  readonly output: number;
  readonly compute: Compute;
  /** Whether the output is shown to who observes. */
  readonly shown: boolean;
  /** Tensors that no later step reads. */
  readonly done: readonly number[];
}

/**
 * Reads a TFLite file of an int8 network: uint8 images in, probabilities in float32 out.
 *
 * @param file its name in messages
 * @throws {DataError} when it is damaged, or has what qtrain does not run
 */
export function openTflite(bytes: Uint8Array, file: string): Interpreter {
  const graph = readGraph(bytes, file), { tensors, input, output, metadata } = graph;
  const image = tensors[input]!, probabilities = tensors[output]!;
  const [, h = 0, w = 0, c = 0] = image.shape, [, classes = 0] = probabilities.shape;
  const refuse = (expected: string, got: string) => {
    throw new DataError(
      `${file}: expected ${expected}, got ${got}; qtrain runs networks that read images as they ` +
        "are: run others with LiteRT",
    );
  };
  if (image.type !== "uint8" || image.shape.length !== 4) {
    refuse("an input of uint8 [batch, height, width, channels]", `${image.type} [${image.shape}]`);
  }
  if (probabilities.shape.length !== 2 || graph.operators.at(-1)?.name !== "SOFTMAX") {
    refuse("an output of probabilities [batch, classes] from SOFTMAX", `[${probabilities.shape}]`);
  }
  const steps = prepare(graph);
  return {
    shape: [h, w, c],
    classes,
    metadata,
    run: (images, count, observe) => run(graph, steps, images, count, observe),
  };
}

function prepare(graph: Graph): readonly Step[] {
  const { tensors, operators, output } = graph, last = new Map<number, number>();
  operators.forEach(({ inputs, output }, place) => {
    for (const number of [output, ...inputs]) last.set(number, place);
  });
  last.set(output, operators.length);
  let work = 0;
  return operators.map((operator, place) => {
    const { inputs, output, name } = operator, operands = new Operands(operator, graph, work);
    const compute = OPERATOR_KERNELS[name](operands);
    work = operands.work;
    const shown = tensors[output]!.type === "int8" && !MOVES.has(name);
    const done = [output, ...inputs].filter((number) => last.get(number) === place);
    return { inputs, output, compute, shown, done };
  });
}

function run(
  { tensors, input, output }: Graph,
  steps: readonly Step[],
  images: Uint8Array,
  count: number,
  observe?: (tensor: Observed) => void,
): Float32Array<ArrayBuffer> {
  const elements = new Map<number, Elements>([[input, images]]);
  for (const { inputs: [first = 0, second = -1], output, compute, shown, done } of steps) {
    const result = compute(count, elements.get(first)!, elements.get(second));
    elements.set(output, result);
    if (observe && shown) {
      const { name, quantization } = tensors[output]!;
      const quantizer = { scale: quantization!.scales[0]!, zero: quantization!.zeros[0]! };
      observe({ name, values: realValues(result, quantizer) });
    }
    for (const number of done) elements.delete(number);
  }
  return elements.get(output) as Float32Array<ArrayBuffer>;
}
