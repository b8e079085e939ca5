/**
 * A trained network as other programs run it: batch norm folded into the convolution before it,
 * dropout gone, activations joined with what computes their input, and a quantizer for every tensor
 * between layers. Formats (`onnx/`, `tflite/`) are written from it.
 *
 * @module
 */
import type { Pair } from "../recipe/fields.ts";
import type { Act } from "../program/tensor.ts";

/**
 * How int8 codes represent real values: real = scale · (code − zero), codes −128 to 127. In training a
 * symmetric quantizer clips at −127, which no format can say: such values may differ by a code.
 */
export interface Quantizer {
  readonly scale: number;
  /** Zero point, −128 to 127. */
  readonly zero: number;
}

/** One image's worth of a tensor between layers, [h, w, c]. */
export interface ExportTensor {
  /** Unique in the network: the name of the layer that training had for it, or `input`. */
  readonly name: string;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  /** Absent: real values. All tensors of an int8 network but the logits have one. */
  readonly quantizer?: Quantizer;
}

/** Weights in int8: real = scales[output] · code. */
export interface QuantizedWeights {
  /** [outputs, inputs of a group, height, width], −127 to 127. */
  readonly codes: Int8Array<ArrayBuffer>;
  /** A scale for each output. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** Bias in int32 codes, of the scale (scale of the input) · scales[output], in f32. */
  readonly bias: Int32Array<ArrayBuffer>;
}

/** Weights in float32. */
export interface FloatWeights {
  /** [outputs, inputs of a group, height, width]. */
  readonly values: Float32Array<ArrayBuffer>;
  /** A value for each output. */
  readonly bias: Float32Array<ArrayBuffer>;
}

/** A convolution, depthwise convolution or linear layer. */
export interface ExportConv {
  readonly op: "conv";
  readonly name: string;
  readonly input: ExportTensor;
  readonly output: ExportTensor;
  /** Height and width; of a linear layer those of its input. */
  readonly kernel: Pair;
  readonly stride: Pair;
  /** Rows and columns of zeros on each side. */
  readonly padding: Pair;
  /** 1, or as many as there are inputs and outputs: depthwise. */
  readonly groups: number;
  /** A linear layer: it reads all of its input. */
  readonly linear: boolean;
  readonly weights: QuantizedWeights | FloatWeights;
  readonly act: Act;
}

/** The sum of two tensors of one shape. */
interface ExportAdd {
  readonly op: "add";
  readonly name: string;
  /** The body of a residual block. */
  readonly input: ExportTensor;
  /** Its shortcut. */
  readonly other: ExportTensor;
  readonly output: ExportTensor;
  readonly act: Act;
}

/** Pooling. A maximum leaves padding out and keeps the quantizer; a mean counts padding as zeros. */
export interface ExportPool {
  readonly op: "max_pool" | "avg_pool";
  readonly name: string;
  readonly input: ExportTensor;
  readonly output: ExportTensor;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** The mean of the whole image. */
  readonly global: boolean;
}

/** An activation that nothing before it could take over. */
interface ExportActivation {
  readonly op: "activation";
  readonly name: string;
  readonly input: ExportTensor;
  readonly output: ExportTensor;
  readonly act: "relu" | "relu6";
}

/** A layer. */
export type ExportNode = ExportConv | ExportAdd | ExportPool | ExportActivation;

/** A trained network. */
export interface ExportNetwork {
  /** The images after normalization. */
  readonly input: ExportTensor;
  /** Layers in the order of computation. */
  readonly nodes: readonly ExportNode[];
  /** The scores of the classes, [1, 1, classes], real values; probabilities are their softmax. */
  readonly logits: ExportTensor;
  /** Multiplies a pixel, 0 to 255, in f32, by channel: 1 / (255 · std). */
  readonly scale: readonly number[];
  /** Is added to the product, in f32, by channel: −mean / std. */
  readonly shift: readonly number[];
}

/** Whether a network has int8 codes between its layers. */
export function isQuantized({ input }: ExportNetwork): boolean {
  return input.quantizer !== undefined;
}
