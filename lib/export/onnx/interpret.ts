/**
 * Runs ONNX files of the operations that networks of qtrain have. Int8 products are summed as whole
 * numbers; everything else follows ONNX's definitions in f32.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { listed, visibleName } from "../../core/text.ts";
import { MAX_SIZE } from "../../recipe/fields.ts";
import { type Interpreter, MAX_VALUES, MAX_WORK } from "../model_file.ts";
import { decodeOnnx, type OnnxGraph, type OnnxNode } from "./decode.ts";
import { type Data, type Flow, realsOf, type Shape } from "./flow.ts";
import { Operands, type Value } from "./operands.ts";
import { OPERATIONS } from "./operations.ts";
import { ELEMENT, type ValueInfoProto } from "./schema.ts";
import { tensorName } from "./value_names.ts";

/** A node that computes something; others only change how stored numbers are read. */
interface Step {
  readonly slot: number;
  readonly reads: readonly number[];
  readonly compute: (count: number, data: readonly Data[]) => Data;
  /** Tensors to show, once it has run. */
  readonly shown: { readonly name: string; readonly flow: Flow }[];
  /** Slots that nothing reads any more. */
  readonly done: number[];
}

/**
 * Opens an ONNX file to run it: one input, images uint8 [batch, h, w, c]; one output, probabilities
 * float32 [batch, classes].
 *
 * Values whose name has a `/` are steps within a layer; the interpreter shows all others.
 *
 * @param file its name in messages
 * @throws DataError for a damaged file, an operation that is not known here, or shapes that do not fit
 */
export function openOnnx(bytes: Uint8Array, file: string): Interpreter {
  const graph = decodeOnnx(bytes, file);
  const shape = imageShape(graph.input, file);
  const { steps, output } = plan(graph, shape, bytes.length, file);
  const { h, w, c } = shape;
  return {
    shape: [h, w, c],
    classes: output.shape.c,
    metadata: graph.metadata,
    run(images, count, observe) {
      if (images.length !== count * h * w * c) {
        throw new RangeError(`${images.length} bytes for ${count} images of ${h}×${w}×${c}`);
      }
      const slots: (Data | undefined)[] = [images];
      for (const { slot, reads, compute, shown, done } of steps) {
        slots[slot] = compute(count, reads.map((from) => slots[from]!));
        if (observe) {
          for (const { name, flow } of shown) {
            observe({ name, values: realsOf(flow, slots[flow.slot]!) });
          }
        }
        for (const old of done) slots[old] = undefined;
      }
      return new Float32Array(realsOf(output, slots[output.slot]!));
    },
  };
}

/** The shape of the images that a file takes. */
function imageShape({ name = "", type }: ValueInfoProto, file: string): Shape {
  const { elem_type, shape } = type?.tensor_type ?? {};
  const sizes = (shape?.dim ?? []).map(({ dim_value = 0 }) => dim_value);
  const [, h = 0, w = 0, c = 0] = sizes;
  const fits = elem_type === ELEMENT.uint8 && sizes.length === 4 && sizes.slice(1).every(isSize);
  if (fits) return { order: "nhwc", h, w, c };
  const got = elem_type === ELEMENT.uint8 ? "uint8" : `elements of type ${elem_type ?? "none"}`;
  throw new DataError(
    `${file}: input ${
      visibleName(name)
    }: expected images as uint8 [batch, height, width, channels], as ` +
      `qtrain export writes them, got ${got} [${sizes.slice(0, 8).join(", ")}]`,
  );
}

/** Whether a tensor may have it as a size. */
function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_SIZE;
}

/** Turns nodes into steps. */
function plan(graph: OnnxGraph, image: Shape, fileBytes: number, file: string) {
  const values = new Map<string, Value>(graph.constants), steps: Step[] = [];
  valuesOf(image, `${file}: input ${visibleName(graph.input.name ?? "")}`);
  const pixels: Flow = { shape: image, slot: 0, form: { kind: "pixels" }, limits: undefined };
  values.set(graph.input.name ?? "", pixels);
  let slots = 1, work = 0, prepared = 0;
  for (const node of graph.nodes) {
    const name = expectNew(node, values), operands = new Operands(node, inputsOf(node, values));
    const result = OPERATIONS.get(node.op)!(operands);
    operands.expectAllRead();
    if (!("compute" in result)) {
      values.set(name, result);
      if ("slot" in result) steps.at(-1)?.shown.push(...shownAs(name, result));
      continue;
    }
    const { compute, reads, shape, form } = result;
    work += result.work + valuesOf(shape, node.place);
    prepared += result.prepared ?? 0;
    if (work > MAX_WORK || prepared > fileBytes) {
      throw new DataError(
        `${node.place}: expected a network of at most 2³⁷ multiplications for an ` +
          "image, and each weight in one layer, got more; run it with ONNX Runtime",
      );
    }
    const flow: Flow = { shape, slot: slots++, form, limits: undefined };
    values.set(name, flow);
    const slotsRead = reads.map(({ slot }) => slot);
    steps.push({
      slot: flow.slot,
      reads: slotsRead,
      compute,
      shown: name === graph.output ? [] : shownAs(name, flow),
      done: [],
    });
  }
  const output = values.get(graph.output);
  if (
    !output || !("slot" in output) || output.form.kind !== "reals" || output.shape.order !== "nc"
  ) {
    throw new DataError(
      `${file}: output ${visibleName(graph.output)}: expected probabilities as float32 ` +
        `[batch, classes], got ${insteadOfProbabilities(output)}`,
    );
  }
  freeSlots(steps, output.slot);
  return { steps, output };
}

/** What an output is that has no probabilities, and what to do. */
function insteadOfProbabilities(output: Value | undefined): string {
  if (!output) return "no node that computes it; export or download the file again";
  const scores = "slot" in output && output.shape.order === "nc" &&
    (output.form.kind === "pending" || output.form.kind === "dequantized");
  return scores
    ? "scores, as the network lacks a Softmax at its end; export it with one"
    : "another tensor; run it with ONNX Runtime";
}

/** The number of values for an image. */
function valuesOf({ h, w, c }: Shape, place: string): number {
  const values = h * w * c, sizes = [h, w, c];
  if (sizes.every((size) => Number.isInteger(size) && size >= 1) && values <= MAX_VALUES) {
    return values;
  }
  throw new DataError(
    `${place}: expected a tensor of 1 to 2²⁶ values for an image, got ${
      sizes.join("×")
    }; export the network for smaller images, or run it with ONNX Runtime`,
  );
}

/** Codes are shown once they are dequantized. */
function shownAs(value: string, flow: Flow) {
  const { kind } = flow.form, name = tensorName(value);
  return name === undefined || kind === "codes" || kind === "pixels" ? [] : [{ name, flow }];
}

/** The name of a node's output. */
function expectNew({ op, outputs, place }: OnnxNode, values: ReadonlyMap<string, Value>): string {
  if (!OPERATIONS.has(op)) {
    throw new DataError(
      `${place}: expected an operation that qtrain runs (${listed([...OPERATIONS.keys()])}), got ` +
        `${visibleName(op) || "none"}; run it with ONNX Runtime`,
    );
  }
  const [name = ""] = outputs;
  if (outputs.length !== 1 || name === "") {
    throw new DataError(`${place}: expected one output, got ${outputs.length}`);
  }
  if (values.has(name)) throw new DataError(`${place}: ${visibleName(name)} is computed twice`);
  return name;
}

/** A node may read constants and what nodes before it compute, so that there are no circles. */
function inputsOf({ inputs, place }: OnnxNode, values: ReadonlyMap<string, Value>) {
  return inputs.map((name) => {
    if (name === "") return undefined;
    const value = values.get(name);
    if (value) return value;
    throw new DataError(
      `${place}: expected a constant or the output of an earlier node as input, got ${
        visibleName(name)
      }`,
    );
  });
}

/** Finds the last step that needs each slot. */
function freeSlots(steps: readonly Step[], output: number): void {
  const last = new Map<number, Step>();
  for (const step of steps) {
    const shown = step.shown.map(({ flow }) => flow.slot);
    for (const slot of [step.slot, ...step.reads, ...shown]) last.set(slot, step);
  }
  last.delete(output);
  for (const [slot, step] of last) step.done.push(slot);
}
