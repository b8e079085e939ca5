/**
 * Small networks with random weights for tests of export, and what they compute in plain loops.
 *
 * @module
 */
import type {
  ExportConv,
  ExportNetwork,
  ExportNode,
  ExportTensor,
  Quantizer,
} from "../../lib/export/network.ts";
import { quantizerOf, roundHalfEven } from "../../lib/quant/range.ts";
import { draw, key } from "../../lib/data/counter_rng.ts";
import type { Act } from "../../lib/program/tensor.ts";
import type { Pair } from "../../lib/recipe/fields.ts";

const fround = Math.fround;

/** How a random network is made. */
export interface RandomOptions {
  /** Whether it has int8 codes between its layers. Default true. */
  readonly quantized?: boolean;
  /** Whether the quantizers of activations are symmetric. Default false. */
  readonly symmetric?: boolean;
  /** Another seed, other weights. */
  readonly seed?: number;
}

/** Describes networks that together have every layer, at sizes that divide nothing. */
const KINDS = {
  /** Odd sizes, 3 and 5 channels, strides 1 and 2, a padded max pool, a linear layer over h×w. */
  plain: (b: NetworkBuilder) => {
    let x = b.begin(9, 7, 3);
    x = b.conv("conv1", x, { channels: 5, kernel: 3, padding: 1, act: "relu" });
    x = b.pool("pool1", x, "max_pool", { kernel: 3, stride: 2, padding: 1 });
    x = b.conv("conv2", x, { channels: 6, kernel: 3, stride: 2, padding: 1, act: "relu6" });
    return b.linear("linear1", x, { channels: 4 });
  },
  /** Depthwise convolutions, and a sum whose shortcut is the tensor itself, without activation. */
  depthwise: (b: NetworkBuilder) => {
    let x = b.begin(8, 8, 3);
    x = b.conv("stem", x, { channels: 5, kernel: 3, stride: 2, padding: 1, act: "relu6" });
    const block = x;
    x = b.conv("expand", x, { channels: 11, kernel: 1, act: "relu6" });
    x = b.conv("depthwise", x, { channels: 11, groups: 11, kernel: 3, padding: 1, act: "relu6" });
    x = b.conv("project", x, { channels: 5, kernel: 1 });
    x = b.add("add", x, block, "none");
    x = b.conv("down", x, {
      channels: 5,
      groups: 5,
      kernel: 3,
      stride: 2,
      padding: 1,
      act: "relu",
    });
    x = b.pool("pool", x, "avg_pool", "global");
    return b.linear("head", x, { channels: 3 });
  },
  /** Residual blocks with ReLU after the sum; the second has a convolution as its shortcut. */
  residual: (b: NetworkBuilder) => {
    let x = b.begin(7, 7, 3);
    let block = x = b.conv("stem", x, { channels: 8, kernel: 3, padding: 1, act: "relu" });
    x = b.conv("block1.conv1", x, { channels: 8, kernel: 3, padding: 1, act: "relu" });
    x = b.conv("block1.conv2", x, { channels: 8, kernel: 3, padding: 1 });
    block = x = b.add("block1.add", x, block, "relu");
    x = b.conv("block2.conv1", x, { channels: 9, kernel: 3, stride: 2, padding: 1, act: "relu" });
    x = b.conv("block2.conv2", x, { channels: 9, kernel: 3, padding: 1 });
    block = b.conv("block2.shortcut", block, { channels: 9, kernel: 1, stride: 2 });
    x = b.add("block2.add", x, block, "relu");
    x = b.pool("pool", x, "avg_pool", "global");
    return b.linear("head", x, { channels: 5 });
  },
  /** One channel in, a padded mean, activations of their own, two linear layers. */
  pools: (b: NetworkBuilder) => {
    let x = b.begin(11, 10, 1);
    x = b.conv("conv1", x, { channels: 4, kernel: [5, 3], stride: [1, 2], padding: [2, 1] });
    x = b.pool("mean", x, "avg_pool", { kernel: 3, stride: 2, padding: 1 });
    x = b.activation("act1", x, "relu");
    x = b.pool("max", x, "max_pool", { kernel: 2, stride: 1, padding: 0 });
    x = b.activation("act2", x, "relu6");
    x = b.linear("linear1", x, { channels: 7, act: "relu" });
    return b.linear("linear2", x, { channels: 4 });
  },
  /** The scores come from a convolution. */
  convolutional: (b: NetworkBuilder) => {
    let x = b.begin(6, 5, 3);
    x = b.conv("conv1", x, { channels: 16, kernel: 3, act: "relu" });
    return b.conv("scores", x, { channels: 3, kernel: [4, 3] });
  },
  /** Convolution, sum and pool of what a linear layer gives, one pixel. */
  pixel: (b: NetworkBuilder) => {
    let x = b.begin(5, 4, 3);
    const row = x = b.linear("linear1", x, { channels: 6, act: "relu" });
    x = b.conv("depthwise", x, { channels: 6, groups: 6, kernel: 3, padding: 1 });
    x = b.add("add", x, row, "relu6");
    x = b.pool("pool", x, "max_pool", { kernel: 1, stride: 1, padding: 0 });
    x = b.conv("conv", x, { channels: 9, kernel: 1, act: "relu" });
    return b.linear("head", x, { channels: 3 });
  },
} as const;

/** A kind of network. */
export type Kind = keyof typeof KINDS;
/** All of them. */
export const ALL_KINDS = Object.keys(KINDS) as Kind[];

/** Returns a network with random weights, and quantizers of the ranges that random images have in it. */
export function randomNetwork(kind: Kind, options: RandomOptions = {}): ExportNetwork {
  const builder = new NetworkBuilder(options, ALL_KINDS.indexOf(kind));
  const logits = KINDS[kind](builder);
  return builder.finish(logits);
}

/** Random images for a network, uint8 [count, h, w, c]. */
export function randomImages(
  { input: { h, w, c } }: Pick<ExportNetwork, "input">,
  count: number,
  seed = 0,
): Uint8Array<ArrayBuffer> {
  const stream = key(0x696d67, seed);
  return Uint8Array.from({ length: count * h * w * c }, (_, i) => draw(stream, i) >>> 24);
}

/**
 * Computes every tensor of a network in plain loops: real values [count, h, w, c] by name. Sums of
 * codes are whole numbers; float sums are in f64 and are rounded once.
 */
export function computePlainly(
  { input, nodes, scale, shift }: Pick<ExportNetwork, "input" | "nodes" | "scale" | "shift">,
  images: Uint8Array,
  count: number,
): Map<string, Float32Array> {
  const values = new Map([[
    input.name,
    quantized(normalize(images, scale, shift), input.quantizer),
  ]]);
  for (const node of nodes) {
    values.set(
      node.output.name,
      quantized(computeNode(node, values, count), node.output.quantizer),
    );
  }
  return values;
}

/** The probabilities of logits, [count, classes]. */
export function softmax(logits: Float32Array, classes: number): Float32Array {
  const result = new Float32Array(logits.length);
  for (let from = 0; from < logits.length; from += classes) {
    const row = logits.subarray(from, from + classes), highest = Math.max(...row);
    const powers = [...row].map((v) => Math.exp(v - highest));
    const sum = powers.reduce((a, b) => a + b);
    result.set(powers.map((v) => v / sum), from);
  }
  return result;
}

/** The value of the nearest code. */
export function codeOf(value: number, { scale, zero }: Quantizer): number {
  return Math.min(Math.max(roundHalfEven(fround(value / scale)) + zero, -128), 127);
}

interface ConvOptions {
  readonly channels: number;
  readonly kernel: number | Pair;
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  readonly groups?: number;
  readonly act?: Act;
}

const pairOf = (value: number | Pair): Pair => typeof value === "number" ? [value, value] : value;

/** Adds layers one by one; what a few images become in them gives the quantizers. */
class NetworkBuilder {
  readonly #nodes: ExportNode[] = [];
  readonly #stream: number;
  #drawn = 0;
  #values = new Map<string, Float32Array>();
  #input: ExportTensor | undefined;
  readonly #count = 4;
  #normalization: Pick<ExportNetwork, "scale" | "shift"> = { scale: [], shift: [] };

  constructor(readonly options: RandomOptions, kind: number) {
    this.#stream = key(0x6e6574, kind, options.seed ?? 0);
  }

  begin(h: number, w: number, c: number): ExportTensor {
    const mean = [0.49, 0.48, 0.44].slice(0, c), std = [0.25, 0.24, 0.26].slice(0, c);
    const scale = std.map((v) => fround(1 / (255 * v)));
    const shift = mean.map((v, i) => fround(-v / std[i]!));
    this.#normalization = { scale, shift };
    const ends = scale.flatMap((v, i) => [shift[i]!, fround(fround(255 * v) + shift[i]!)]);
    // As in training, the input's quantizer is never symmetric.
    this.#input = this.#tensor("input", h, w, c, ends, false);
    const images = randomImages({ input: this.#input }, this.#count, this.#stream);
    this.#values = computePlainly(
      { input: this.#input, nodes: [], scale, shift },
      images,
      this.#count,
    );
    return this.#input;
  }

  conv(name: string, input: ExportTensor, options: ConvOptions, linear = false): ExportTensor {
    const kernel = pairOf(options.kernel), stride = pairOf(options.stride ?? 1);
    const padding = pairOf(options.padding ?? 0), groups = options.groups ?? 1;
    const [h, w] = sizes(input, kernel, stride, padding), c = options.channels;
    const taps = input.c / groups * kernel[0] * kernel[1];
    return this.#put({
      op: "conv",
      name,
      input,
      output: { name, h, w, c },
      kernel,
      stride,
      padding,
      groups,
      linear,
      weights: this.#weights(input, c, taps),
      act: options.act ?? "none",
    });
  }

  linear(
    name: string,
    input: ExportTensor,
    options: { channels: number; act?: Act },
  ): ExportTensor {
    return this.conv(name, input, { ...options, kernel: [input.h, input.w] }, true);
  }

  pool(
    name: string,
    input: ExportTensor,
    op: "max_pool" | "avg_pool",
    window: "global" | {
      readonly kernel: number;
      readonly stride: number;
      readonly padding: number;
    },
  ): ExportTensor {
    const global = window === "global";
    const kernel = global ? [input.h, input.w] as const : pairOf(window.kernel);
    const stride = global ? kernel : pairOf(window.stride);
    const padding = pairOf(global ? 0 : window.padding);
    const [h, w] = sizes(input, kernel, stride, padding);
    const output = { name, h, w, c: input.c };
    return this.#put({ op, name, input, output, kernel, stride, padding, global });
  }

  add(name: string, input: ExportTensor, other: ExportTensor, act: Act): ExportTensor {
    return this.#put({ op: "add", name, input, other, output: { ...input, name }, act });
  }

  activation(name: string, input: ExportTensor, act: "relu" | "relu6"): ExportTensor {
    return this.#put({ op: "activation", name, input, output: { ...input, name }, act });
  }

  /** The last layer gives real values. */
  finish({ name, h, w, c }: ExportTensor): ExportNetwork {
    const logits = { name, h, w, c }, last = this.#nodes.pop()!;
    const nodes = [...this.#nodes, { ...last, output: logits }];
    return { input: this.#input!, nodes, logits, ...this.#normalization };
  }

  /** A layer without the quantizer of its output. */
  #put(node: ExportNode): ExportTensor {
    const { name, h, w, c } = node.output;
    const values = computeNode(node, this.#values, this.#count);
    const output = node.op === "max_pool"
      ? { ...node.input, name, h, w }
      : this.#tensor(name, h, w, c, values, this.options.symmetric ?? false);
    this.#values.set(name, quantized(values, output.quantizer));
    this.#nodes.push({ ...node, output });
    return output;
  }

  #tensor(
    name: string,
    h: number,
    w: number,
    c: number,
    values: Iterable<number>,
    symmetric: boolean,
  ): ExportTensor {
    if (this.options.quantized === false) return { name, h, w, c };
    let low = 0, high = 0;
    for (const v of values) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    // A range that cuts a little off, as ranges of training do.
    const { scale, zero } = quantizerOf({ low: low * 0.95, high: high * 0.95 }, 8, symmetric);
    return { name, h, w, c, quantizer: { scale, zero } };
  }

  #weights(input: ExportTensor, outputs: number, taps: number): ExportConv["weights"] {
    const spread = 4 / Math.sqrt(taps);
    const values = Float32Array.from({ length: outputs * taps }, () => spread * this.#uniform());
    const bias = Float32Array.from({ length: outputs }, () => 0.5 * this.#uniform());
    if (!input.quantizer) return { values, bias };
    // Unequal scales for each output, as folded norms have them.
    const scales = Float32Array.from(bias, () => spread * (1.2 + 0.2 * this.#uniform()) / 127);
    const codes = Int8Array.from(values, (v, i) => v / scales[Math.floor(i / taps)]!);
    const { scale } = input.quantizer;
    return { codes, scales, bias: Int32Array.from(bias, (v, o) => v / (scale * scales[o]!)) };
  }

  /** From −1 to 1. */
  #uniform(): number {
    return draw(this.#stream, this.#drawn++) / 2 ** 31 - 1;
  }
}

function sizes(x: ExportTensor, kernel: Pair, stride: Pair, padding: Pair): [number, number] {
  const size = (n: number, i: 0 | 1) =>
    Math.floor((n + 2 * padding[i] - kernel[i]) / stride[i]) + 1;
  return [size(x.h, 0), size(x.w, 1)];
}

function normalize(
  images: Uint8Array,
  scale: readonly number[],
  shift: readonly number[],
): Float32Array {
  const c = scale.length;
  return Float32Array.from(images, (v, i) => fround(v * scale[i % c]!) + shift[i % c]!);
}

/** The values that are nearest among those of the codes. */
function quantized(values: Float32Array, quantizer: Quantizer | undefined): Float32Array {
  if (!quantizer) return values;
  return values.map((v) => (codeOf(v, quantizer) - quantizer.zero) * quantizer.scale);
}

const activate = (act: Act, v: number) =>
  act === "none" ? v : Math.max(act === "relu6" ? Math.min(v, 6) : v, 0);

/** The real values that a layer computes from those of others by name, before they become codes. */
export function computeNode(
  node: ExportNode,
  values: ReadonlyMap<string, Float32Array>,
  count: number,
): Float32Array {
  const x = values.get(node.input.name)!;
  switch (node.op) {
    case "conv":
      return convolve(node, x, count);
    case "add": {
      const other = values.get(node.other.name)!;
      return x.map((v, i) => activate(node.act, fround(v + other[i]!)));
    }
    case "activation":
      return x.map((v) => activate(node.act, v));
    default: {
      const area = node.kernel[0] * node.kernel[1], max = node.op === "max_pool";
      const y = new Float32Array(count * node.output.h * node.output.w * node.output.c);
      y.fill(max ? -Infinity : 0);
      const sums = new Float64Array(y);
      eachTap(node, count, (to, from) => {
        for (let c = 0; c < node.input.c; c++) {
          const v = x[from * node.input.c + c]!, at = to * node.output.c + c;
          sums[at] = max ? Math.max(sums[at]!, v) : sums[at]! + v;
        }
      });
      return y.map((_, at) => max ? sums[at]! : sums[at]! / area);
    }
  }
}

/** Calls `each` with pixels of the output, those of the input that they see, and the place in the kernel. */
function eachTap(
  { input, output, kernel, stride, padding }: Pick<
    ExportConv,
    "input" | "output" | "kernel" | "stride" | "padding"
  >,
  count: number,
  each: (to: number, from: number, tap: number) => void,
): void {
  for (let to = 0; to < count * output.h * output.w; to++) {
    const image = Math.floor(to / (output.h * output.w));
    const top = Math.floor(to / output.w) % output.h * stride[0] - padding[0];
    const left = to % output.w * stride[1] - padding[1];
    for (let ky = 0; ky < kernel[0]; ky++) {
      for (let kx = 0; kx < kernel[1]; kx++) {
        const y = top + ky, x = left + kx;
        if (y < 0 || y >= input.h || x < 0 || x >= input.w) continue;
        each(to, (image * input.h + y) * input.w + x, ky * kernel[1] + kx);
      }
    }
  }
}

function convolve(node: ExportConv, x: Float32Array, count: number): Float32Array {
  const { input, output, weights, groups, act } = node, area = node.kernel[0] * node.kernel[1];
  const inputs = input.c / groups, outputs = output.c / groups;
  const sums = new Float64Array(count * output.h * output.w * output.c);
  const { quantizer } = input, codes = "codes" in weights;
  const w = codes ? weights.codes : weights.values;
  const read = codes ? x.map((v) => Math.round(v / quantizer!.scale)) : x;
  eachTap(node, count, (to, from, tap) => {
    for (let o = 0; o < output.c; o++) {
      const first = Math.floor(o / outputs) * inputs;
      for (let i = 0; i < inputs; i++) {
        sums[to * output.c + o]! += read[from * input.c + first + i]! *
          w[(o * inputs + i) * area + tap]!;
      }
    }
  });
  return Float32Array.from(sums, (sum, at) => {
    const o = at % output.c, total = sum + weights.bias[o]!;
    return activate(
      act,
      codes ? fround(total * fround(quantizer!.scale * weights.scales[o]!)) : fround(total),
    );
  });
}
