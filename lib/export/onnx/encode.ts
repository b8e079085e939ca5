/**
 * Writes a network as ONNX (https://onnx.ai, opset 13): int8 networks with a QuantizeLinear and a
 * DequantizeLinear around every tensor between layers, which runtimes fuse into integer operations.
 *
 * A layer's tensor `t` is written as `t/codes`, and read as `t` by the first layer that reads it, as
 * `t/2` by the second: ONNX Runtime fuses an operation with the DequantizeLinear nodes before it only
 * where nothing else reads them. Names with `/` are steps within a layer.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import { VERSION } from "../../core/version.ts";
import type { Act } from "../../program/tensor.ts";
import { roundHalfEven } from "../../quant/range.ts";
import { IMAGE, PROBABILITIES } from "../model_file.ts";
import {
  type ExportConv,
  type ExportNetwork,
  type ExportNode,
  type ExportPool,
  type ExportTensor,
  type Quantizer,
} from "../network.ts";
import {
  ATTRIBUTE_TYPE,
  type AttributeProto,
  ELEMENT,
  encodeModel,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./schema.ts";
import { valueName } from "./value_names.ts";

/** Who shall run a file. `ort`: ONNX Runtime; `web`: its WebGPU provider too; `tensorrt`: TensorRT. */
export type OnnxTarget = "ort" | "web" | "tensorrt";

/** How a network is written. */
interface OnnxOptions {
  readonly target: OnnxTarget;
  /** Name of the graph. */
  readonly name: string;
  /** Texts by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

const OPSET = 13;
/** The version of the file format that came with the opset. */
const IR_VERSION = 7;

/**
 * Returns a network as an ONNX file: images uint8 [batch, h, w, c] in, probabilities float32 [batch,
 * classes] out. The same network gives the same bytes.
 *
 * @throws UsageError for the target `tensorrt` where a quantizer is not symmetric
 */
export function encodeOnnx(network: ExportNetwork, options: OnnxOptions): Uint8Array<ArrayBuffer> {
  const { target, name, metadata } = options;
  if (target === "tensorrt") expectSymmetric(network);
  const { input: { h, w, c }, logits } = network;
  const { nodes, initializers } = new Graph(network, target);
  return encodeModel({
    ir_version: IR_VERSION,
    producer_name: "qtrain",
    producer_version: VERSION,
    opset_import: [{ domain: "", version: OPSET }],
    graph: {
      node: nodes,
      name,
      initializer: initializers,
      doc_string: `Images to probabilities of ${logits.c} classes, trained by qtrain.`,
      input: [valueInfo(IMAGE, ELEMENT.uint8, [h, w, c])],
      output: [valueInfo(PROBABILITIES, ELEMENT.float, [logits.c])],
    },
    metadata_props: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
}

/** The number of images is free. */
function valueInfo(name: string, type: number, dims: readonly number[]): ValueInfoProto {
  const dim = [{ dim_param: "batch" }, ...dims.map((size) => ({ dim_value: size }))];
  return { name, type: { tensor_type: { elem_type: type, shape: { dim } } } };
}

/** TensorRT knows no zero point but 0. */
function expectSymmetric({ nodes }: ExportNetwork): void {
  const other = nodes.find(({ output: { quantizer } }) => quantizer && quantizer.zero !== 0);
  if (!other) return;
  throw new UsageError(
    `--target tensorrt: expected symmetric quantizers, which alone TensorRT knows, got zero point ` +
      `${other.output.quantizer!.zero} at layer ${other.name}; train again with ` +
      "quantize.activations.symmetric: true, or choose --target ort",
  );
}

type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** Images of channels, or one row of values an image: as convolutions and linear layers read them. */
type Rank = 4 | 2;

/** An activation as an operation on real values, as lowest and highest code, or both absent. */
interface Clip {
  readonly op?: "Relu" | "Clip";
  readonly codes?: readonly [lowest: number, highest: number];
}

/** The nodes and constants of a file, as they are added. */
class Graph {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #network: ExportNetwork;
  readonly #target: OnnxTarget;
  readonly #constants = new Set<string>();
  /** How many layers read each tensor so far. */
  readonly #reads = new Map<string, number>();
  readonly #ranks = new Map<string, Rank>();
  /** Quantizers of the tensors that are stored as codes. */
  readonly #quantizers: ReadonlyMap<string, Quantizer>;

  constructor(network: ExportNetwork, target: OnnxTarget) {
    this.#network = network;
    this.#target = target;
    this.#quantizers = quantizersFor(network, target);
    this.#image();
    for (const node of network.nodes) this.#layer(node);
    const scores = this.#read(network.logits, 2, PROBABILITIES);
    this.#node("Softmax", `${PROBABILITIES}/softmax`, [scores], PROBABILITIES, { axis: 1 });
  }

  /** From pixels to the input. Training rounds the product to f32, then the sum: two nodes. */
  #image(): void {
    const { input, scale, shift } = this.#network, { name } = input;
    const pixels = `${name}/pixels`, scaled = `${name}/scaled`, normalized = `${name}/normalized`;
    this.#node("Cast", pixels, [IMAGE], pixels, { to: ELEMENT.float });
    const factor = this.#floats(`${name}/factor`, scale, [input.c]);
    this.#node("Mul", scaled, [pixels, factor], scaled);
    const addend = this.#floats(`${name}/shift`, shift, [input.c]);
    this.#node("Add", normalized, [scaled, addend], normalized);
    this.#ranks.set(name, 4);
    const nchw = { perm: [0, 3, 1, 2] };
    const values = this.#before(input), quantizer = this.#quantizers.get(name);
    this.#node("Transpose", `${name}/transpose`, [normalized], values, nchw);
    if (quantizer) this.#quantize(name, values, quantizer);
  }

  #layer(node: ExportNode): void {
    if (node.op === "conv") return this.#conv(node);
    if ("kernel" in node) return this.#pool(node);
    const { name, input } = node, rank = this.#ranks.get(input.name)!;
    const inputs = [this.#read(input, rank, name)];
    if (node.op === "add") inputs.push(this.#read(node.other, rank, name));
    this.#compute(node.op === "add" ? "Add" : undefined, node, rank, inputs, node.act);
  }

  #conv(node: ExportConv): void {
    const { name, input, output, kernel, stride, padding, groups, act } = node;
    const taps = input.c / groups;
    if (readsAll(node)) {
      const dims = [output.c, taps * kernel[0] * kernel[1]];
      const inputs = [this.#read(input, 2, name), ...this.#weights(node, dims)];
      return this.#compute("Gemm", node, 2, inputs, act, { transB: 1 });
    }
    const inputs = [
      this.#read(input, 4, name),
      ...this.#weights(node, [output.c, taps, ...kernel]),
    ];
    const window = { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] };
    this.#compute("Conv", node, 4, inputs, act, { ...window, group: groups });
  }

  /** Weight and bias. */
  #weights(node: ExportConv, dims: readonly number[]): string[] {
    const { name, input, output, weights } = node, bias = `${name}/bias`, channels = [output.c];
    if (!("codes" in weights)) {
      const weight = this.#floats(`${name}/weight`, weights.values, dims);
      return [weight, this.#floats(bias, weights.bias, channels)];
    }
    const scales = weights.scales.map((scale) => input.quantizer!.scale * scale);
    const weight = this.#dequantized(`${name}/weight`, weights.codes, dims, weights.scales, true);
    if (this.#target === "tensorrt") {
      // TensorRT has no int32 bias.
      const values = scales.map((scale, output) => weights.bias[output]! * scale);
      return [weight, this.#floats(bias, values, channels)];
    }
    // ONNX Runtime's WebGPU provider refuses a zero point here.
    const zeros = this.#target !== "web";
    return [weight, this.#dequantized(bias, weights.bias, channels, scales, zeros)];
  }

  #pool(node: ExportPool): void {
    const { name, op, input, kernel, stride, padding, global } = node;
    const inputs = [this.#read(input, 4, name)];
    if (global) return this.#compute("GlobalAveragePool", node, 4, inputs, "none");
    const window = { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] };
    if (op === "max_pool") return this.#compute("MaxPool", node, 4, inputs, "none", window);
    const counted: Attributes = padding.some((side) => side > 0) ? { count_include_pad: 1 } : {};
    this.#compute("AveragePool", node, 4, inputs, "none", { ...window, ...counted });
  }

  /** Adds an operation, the activation after it, and the quantizer of what comes out. */
  #compute(
    op: string | undefined,
    { name, output }: ExportNode,
    rank: Rank,
    inputs: readonly string[],
    act: Act,
    attributes: Attributes = {},
  ): void {
    this.#ranks.set(output.name, rank);
    const quantizer = this.#quantizers.get(output.name), real = this.#before(output);
    const clip: Clip = act === "none" ? {} : this.#clipOf(act, quantizer);
    let values = inputs[0]!;
    if (op) values = this.#node(op, name, inputs, clip.op ? `${name}/result` : real, attributes);
    if (clip.op) {
      const limits = clip.op === "Clip"
        ? [this.#floats("relu6/low", [0], []), this.#floats("relu6/high", [6], [])]
        : [];
      values = this.#node(clip.op, op ? `${name}/${act}` : name, [values, ...limits], real);
    }
    if (quantizer) this.#quantize(output.name, values, quantizer, clip.codes);
  }

  /** How an activation is written: as an operation on real values, or as limits of the codes. */
  #clipOf(act: Act, quantizer: Quantizer | undefined): Clip {
    const op = act === "relu" ? "Relu" : "Clip";
    if (!quantizer || this.#target === "tensorrt") return { op };
    const { scale, zero } = quantizer;
    const high = act === "relu" ? 127 : Math.min(roundHalfEven(Math.fround(6 / scale)) + zero, 127);
    // ONNX Runtime drops a Relu before a quantizer that clips alike, but no other activation.
    return zero === -128 && high === 127 ? { op: "Relu" } : { codes: [zero, high] };
  }

  /** The name of a tensor's values before its quantizer. */
  #before({ name }: ExportTensor): string {
    return this.#quantizers.has(name) ? `${name}/real` : valueName(name);
  }

  /** Adds the codes of values, clipped to lowest and highest code if there are any. */
  #quantize(
    name: string,
    values: string,
    { scale, zero }: Quantizer,
    limits?: readonly [lowest: number, highest: number],
  ): void {
    const parameters = [
      this.#floats(`${name}/scale`, [scale], []),
      this.#code(`${name}/zero`, zero),
    ];
    const codes = `${name}/codes`, quantized = limits ? `${name}/unclipped` : codes;
    this.#node("QuantizeLinear", `${name}/quantize`, [values, ...parameters], quantized);
    if (!limits) return;
    const ends = limits.map((code, i) => this.#code(`${name}/${i ? "highest" : "lowest"}`, code));
    this.#node("Clip", `${name}/clip`, [quantized, ...ends], codes);
  }

  /** A code as a constant of the type that the target wants. */
  #code(name: string, code: number): string {
    const signed = this.#target === "tensorrt";
    return this.#constant(name, signed ? Int8Array.of(code) : Uint8Array.of(code + 128), []);
  }

  #dequantize(name: string, to: string): string {
    const inputs = ["codes", "scale", "zero"].map((part) => `${name}/${part}`);
    return this.#node("DequantizeLinear", `${to}/dequantize`, inputs, to);
  }

  /** The name of a tensor's real values for one more layer, in the rank that it reads. */
  #read({ name, h, w, c }: ExportTensor, rank: Rank, layer: string): string {
    const count = (this.#reads.get(name) ?? 0) + 1, quantizer = this.#quantizers.get(name);
    this.#reads.set(name, count);
    const values = quantizer
      ? this.#dequantize(name, count > 1 ? `${name}/${count}` : valueName(name))
      : valueName(name);
    if (this.#ranks.get(name) === rank) return values;
    // With the same quantizer before and after, runtimes move codes.
    const shaped = `${layer}/${rank === 2 ? "flat" : "image"}`;
    const end = quantizer ? `${shaped}/real` : shaped;
    if (rank === 2) this.#node("Flatten", shaped, [values], end, { axis: 1 });
    else {
      const dims = BigInt64Array.from([0, c, h, w], BigInt);
      this.#node("Reshape", shaped, [values, this.#constant(`${shaped}/dims`, dims, [4])], end);
    }
    if (!quantizer) return end;
    this.#quantize(shaped, end, quantizer);
    return this.#dequantize(shaped, `${shaped}/values`);
  }

  /** Constant codes with a scale for each output, as real values. */
  #dequantized(
    name: string,
    codes: Int8Array | Int32Array,
    dims: readonly number[],
    scales: Float32Array,
    zeros: boolean,
  ): string {
    const { length } = scales;
    const inputs = [
      this.#constant(`${name}/codes`, codes, dims),
      this.#floats(`${name}/scale`, scales, [length]),
    ];
    if (zeros) {
      const zero = codes instanceof Int8Array ? new Int8Array(length) : new Int32Array(length);
      inputs.push(this.#constant(`${name}/zero`, zero, [length]));
    }
    return this.#node("DequantizeLinear", `${name}/dequantize`, inputs, name, { axis: 0 });
  }

  #floats(name: string, values: Iterable<number>, dims: readonly number[]): string {
    const floats = values instanceof Float32Array ? values : Float32Array.from(values);
    return this.#constant(name, floats, dims);
  }

  #constant(
    name: string,
    values: Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array,
    dims: readonly number[],
  ): string {
    if (this.#constants.has(name)) return name;
    this.#constants.add(name);
    const type = values instanceof Float32Array
      ? ELEMENT.float
      : values instanceof Uint8Array
      ? ELEMENT.uint8
      : values instanceof Int8Array
      ? ELEMENT.int8
      : values instanceof Int32Array
      ? ELEMENT.int32
      : ELEMENT.int64;
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.initializers.push({ name, dims, data_type: type, raw_data: raw });
    return name;
  }

  #node(
    op: string,
    name: string,
    input: readonly string[],
    output: string,
    attributes: Attributes = {},
  ): string {
    const attribute = Object.entries(attributes).map(([name, value]): AttributeProto =>
      typeof value === "number"
        ? { name, type: ATTRIBUTE_TYPE.i, i: value }
        : { name, type: ATTRIBUTE_TYPE.ints, ints: value }
    );
    this.nodes.push({ op_type: op, name, input, output: [output], attribute });
    return output;
  }
}

/** Whether a layer sees all of an image at once. A convolution that does is written as linear too. */
function readsAll({ linear, input, kernel, padding, groups }: ExportConv): boolean {
  if (linear) return true;
  const whole = kernel[0] === input.h && kernel[1] === input.w;
  return whole && groups === 1 && padding[0] === 0 && padding[1] === 0;
}

/** The quantizers that a file has around tensors, by the tensor's name. */
export function quantizersFor(
  network: ExportNetwork,
  target: OnnxTarget,
): ReadonlyMap<string, Quantizer> {
  return target === "tensorrt" ? tensorrtQuantizers(network) : quantizersOf(network);
}

function quantizersOf({ input, nodes }: ExportNetwork): Map<string, Quantizer> {
  const tensors = [input, ...nodes.map(({ output }) => output)];
  return new Map(
    tensors.flatMap(({ name, quantizer }) => quantizer ? [[name, quantizer] as const] : []),
  );
}

/**
 * Quantizers for TensorRT, which advises to quantize only the shortcut of a sum: the convolution that
 * ends the body then fuses with the sum and its activation. The input's quantizer, which training
 * never makes symmetric, is replaced by a symmetric one over the same values.
 */
function tensorrtQuantizers(network: ExportNetwork): Map<string, Quantizer> {
  const { input, nodes, scale, shift } = network, quantizers = quantizersOf(network);
  if (input.quantizer) {
    const ends = scale.flatMap((factor, i) =>
      [0, 255].map((v) => Math.abs(v * factor + shift[i]!))
    );
    const highest = ends.reduce((a, b) => Math.max(a, b));
    const symmetric = { scale: Math.fround(highest / 127), zero: 0 };
    quantizers.set(input.name, symmetric);
  }
  const readers = new Map<string, number>(), bodies = new Set<string>();
  for (const node of nodes) {
    for (const { name } of node.op === "add" ? [node.input, node.other] : [node.input]) {
      readers.set(name, (readers.get(name) ?? 0) + 1);
    }
    if (node.op === "conv" && node.act === "none") bodies.add(node.output.name);
  }
  for (const { op, input: { name } } of nodes) {
    if (op === "add" && bodies.has(name) && readers.get(name) === 1) quantizers.delete(name);
  }
  return quantizers;
}
