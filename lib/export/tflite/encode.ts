/**
 * Writes an int8 network as a TFLite file of whole-number arithmetic (Jacob et al. 2018, arXiv
 * 1712.05877): int8 codes between layers, weights of a scale for each output, biases in int32. Pixels
 * go in as they are; only the softmax of the scores is in float32, so that probabilities are not
 * multiples of 1/256.
 *
 * @module
 */
import type { Act } from "../../program/tensor.ts";
import { IMAGE, PROBABILITIES } from "../model_file.ts";
import type {
  ExportConv,
  ExportNetwork,
  ExportNode,
  ExportPool,
  ExportTensor,
  QuantizedWeights,
  Quantizer,
} from "../network.ts";
import { writeModel } from "./flatbuffer_write.ts";
import { ModelBuilder } from "./model_builder.ts";
import { pixelWeights, trainedPixelCodes } from "./pixel_codes.ts";
import { ACTIVATIONS, PADDING } from "./schema.ts";
import { edgesOf } from "./window.ts";

/** What a TFLite file needs beside the network. */
export interface TfliteOptions {
  /** The quantizer of the scores of the classes. */
  readonly logits: Quantizer;
  /** What the file says it is. */
  readonly name: string;
  /** Texts, by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Encodes an int8 network as a TFLite file. The same network gives the same bytes. Linear layers are
 * convolutions over the whole of their input, as those have a scale for each output in every version
 * of the runtime.
 */
export function encodeTflite(
  network: ExportNetwork,
  options: TfliteOptions,
): Uint8Array<ArrayBuffer> {
  return new Encoder(network, options).encode();
}

/** A layer whose window moves over its input. */
type Windowed = Pick<ExportConv, "input" | "output" | "kernel" | "stride" | "padding">;

/** The codes that pixels − 128 are. */
const PIXELS: Quantizer = { scale: 1, zero: -128 };

class Encoder {
  readonly #model = new ModelBuilder();
  /** Numbers of tensors, by the name of the network's. */
  readonly #tensors = new Map<string, number>();

  constructor(readonly network: ExportNetwork, readonly options: TfliteOptions) {}

  encode(): Uint8Array<ArrayBuffer> {
    const { nodes, logits } = this.network, { name, metadata } = this.options;
    const image = this.#image();
    for (const node of nodes) this.#node(node);
    const model = this.#model, classes = [logits.c];
    const scores = model.tensor(`${logits.name}/flat`, "int8", classes, this.#quantizer(logits));
    const shape = model.constant(`${logits.name}/shape`, [2], Int32Array.of(-1, logits.c));
    model.operator("RESHAPE", [this.#of(logits), shape], scores, {
      table: "ReshapeOptions",
      new_shape: [-1, logits.c],
    });
    const real = model.tensor(`${logits.name}/real`, "float32", classes);
    model.operator("DEQUANTIZE", [scores], real);
    const probabilities = model.tensor(PROBABILITIES, "float32", classes);
    model.operator("SOFTMAX", [real], probabilities, { table: "SoftmaxOptions", beta: 1 });
    return writeModel(
      model.finish(name, [IMAGE, image], [PROBABILITIES, probabilities], metadata),
    );
  }

  /** The tensor of pixels, and how they become codes. */
  #image(): number {
    const model = this.#model, { input } = this.network, { h, w, c } = input;
    const quantizer = input.quantizer!, codes = trainedPixelCodes(this.network);
    if (codes.every((table) => table.every((code, pixel) => code === pixel - 128))) {
      const pixels = { scale: quantizer.scale, zero: quantizer.zero + 128 };
      const image = model.tensor(IMAGE, "uint8", [h, w, c], pixels);
      model.operator("QUANTIZE", [image], this.#tensor(input));
      return image;
    }
    const image = model.tensor(IMAGE, "uint8", [h, w, c], { scale: 1, zero: 0 });
    const moved = { name: `${IMAGE}/codes`, h, w, c, quantizer: PIXELS };
    model.operator("QUANTIZE", [image], this.#tensor(moved));
    const weights = pixelWeights(codes, this.network, quantizer);
    const window = { kernel: [1, 1], stride: [1, 1], padding: [0, 0] } as const;
    this.#depthwise("normalize", { input: moved, output: input, ...window }, weights, "none");
    return image;
  }

  #node(node: ExportNode): void {
    const { name, input, output } = node, model = this.#model;
    if (node.op === "conv") this.#conv(node);
    else if (node.op === "add") {
      const inputs = [this.#of(input), this.#of(node.other)];
      const options = { table: "AddOptions", activation: ACTIVATIONS[node.act] } as const;
      model.operator("ADD", inputs, this.#tensor(output), options);
    } else if (node.op === "activation") {
      this.#sum(name, { input, output, kernel: [1, 1], stride: [1, 1], padding: [0, 0] }, node.act);
    } else if (node.op === "max_pool") this.#maxPool(node);
    else if (node.global) {
      const axes = model.constant(`${name}/axes`, [2], Int32Array.of(1, 2));
      const options = { table: "ReducerOptions", keep_dims: 1 } as const;
      model.operator("MEAN", [this.#of(input), axes], this.#tensor(output), options);
    } else this.#sum(name, node, "none"); // AVERAGE_POOL_2D leaves padding out, and keeps the scale.
  }

  /**
   * The mean of a window as a depthwise convolution. Weights have the code 127, not 1: a sum of few
   * bits is rounded twice, and with 1 a quarter of the codes was off by one.
   */
  #sum(name: string, node: Windowed, act: Act): void {
    const { input: { c }, kernel } = node, taps = kernel[0] * kernel[1];
    const weights = {
      codes: new Int8Array(c * taps).fill(127),
      scales: new Float32Array(c).fill(1 / (127 * taps)),
      bias: new Int32Array(c),
    };
    this.#depthwise(name, node, weights, act);
  }

  #conv(node: ExportConv): void {
    const { name, input, output: { c }, kernel: [kh, kw], act, groups } = node;
    const weights = node.weights as QuantizedWeights;
    if (groups > 1) return this.#depthwise(name, node, weights, act);
    const codes = inputsLast(weights.codes, input.c, kh * kw);
    const weight = this.#model.constant(`${name}/weight`, [c, kh, kw, input.c], codes, {
      scales: weights.scales,
      dimension: 0,
    });
    const [x, options] = this.#window(name, node, "zero");
    const inputs = [x, weight, this.#bias(name, input, weights)];
    this.#model.operator("CONV_2D", inputs, this.#tensor(node.output), {
      table: "Conv2DOptions",
      ...options,
      activation: ACTIVATIONS[act],
      dilation_w: 1,
      dilation_h: 1,
    });
  }

  #depthwise(
    name: string,
    node: Windowed,
    weights: QuantizedWeights,
    act: Act,
  ): void {
    const { input, output, kernel: [kh, kw] } = node, { c } = output;
    const codes = inputsLast(weights.codes, c, kh * kw);
    const weight = this.#model.constant(`${name}/weight`, [1, kh, kw, c], codes, {
      scales: weights.scales,
      dimension: 3,
    });
    const [x, options] = this.#window(name, node, "zero");
    const inputs = [x, weight, this.#bias(name, input, weights)];
    this.#model.operator("DEPTHWISE_CONV_2D", inputs, this.#tensor(output), {
      table: "DepthwiseConv2DOptions",
      ...options,
      depth_multiplier: 1,
      activation: ACTIVATIONS[act],
      dilation_w: 1,
      dilation_h: 1,
    });
  }

  #bias(name: string, input: ExportTensor, { bias, scales }: QuantizedWeights): number {
    const { scale } = this.#quantizer(input);
    return this.#model.constant(`${name}/bias`, [bias.length], bias, {
      scales: scales.map((weight) => scale * weight),
      dimension: 0,
    });
  }

  #maxPool(node: ExportPool): void {
    const [x, options] = this.#window(node.name, node, "lowest"),
      [filter_h, filter_w] = node.kernel;
    this.#model.operator("MAX_POOL_2D", [x], this.#tensor(node.output), {
      table: "Pool2DOptions",
      ...options,
      filter_h,
      filter_w,
      activation: ACTIVATIONS.none,
    });
  }

  /**
   * The tensor that a window moves over, with its options. Where the rows and columns of padding are
   * not those that SAME or VALID give, an operator adds them.
   *
   * @param fill whether padding is zeros, or less than all values
   */
  #window(name: string, node: Windowed, fill: "zero" | "lowest") {
    const { input, stride: [stride_h, stride_w] } = node, model = this.#model;
    const { padding, before, after } = edgesOf(node);
    const x = this.#of(input);
    if (padding !== undefined) return [x, { padding, stride_h, stride_w }] as const;
    const { c } = input, quantizer = this.#quantizer(input);
    const h = input.h + before[0] + after[0], w = input.w + before[1] + after[1];
    const padded = model.tensor(`${name}/padded`, "int8", [h, w, c], quantizer);
    const amounts = [0, 0, before[0], after[0], before[1], after[1], 0, 0];
    const inputs = [x, model.constant(`${name}/padding`, [4, 2], Int32Array.from(amounts))];
    // PAD adds zeros: a maximum needs the lowest code, which is that of zero after most layers.
    if (fill === "zero" || quantizer.zero === -128) model.operator("PAD", inputs, padded);
    else {
      const how = { scales: [quantizer.scale], zero: quantizer.zero, dimension: 0 };
      const lowest = model.constant(`${name}/lowest`, [], Int8Array.of(-128), how);
      model.operator("PADV2", [...inputs, lowest], padded);
    }
    return [padded, { padding: PADDING.valid, stride_h, stride_w }] as const;
  }

  #quantizer(tensor: ExportTensor): Quantizer {
    return tensor.quantizer ?? this.options.logits;
  }

  /** The number of a tensor that is known. */
  #of({ name }: ExportTensor): number {
    return this.#tensors.get(name)!;
  }

  /** Adds a tensor between layers. */
  #tensor(tensor: ExportTensor): number {
    const { name, h, w, c } = tensor;
    const added = this.#model.tensor(name, "int8", [h, w, c], this.#quantizer(tensor));
    this.#tensors.set(name, added);
    return added;
  }
}

/** Reorders weights [outputs, inputs, taps] to [outputs, taps, inputs]. */
function inputsLast(codes: Int8Array, inputs: number, taps: number): Int8Array<ArrayBuffer> {
  const result = new Int8Array(codes.length), size = inputs * taps;
  for (let first = 0; first < codes.length; first += size) {
    for (let tap = 0; tap < taps; tap++) {
      for (let i = 0; i < inputs; i++) {
        result[first + tap * inputs + i] = codes[first + i * taps + tap]!;
      }
    }
  }
  return result;
}
