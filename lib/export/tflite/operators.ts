/**
 * The operators of a TFLite file, to the bit as LiteRT computes them with XNNPACK (compared on WASM by
 * tests/soak/litert_layers.ts): sums of codes are exact, and become codes by a factor in f32
 * and one rounding, half to even. TFLite's reference kernels round twice, which moves one code in 500.
 * Each operator is checked and prepared once; what is prepared then computes any number of images.
 *
 * @module
 */
import { greatestSums, SUM_LIMIT } from "../compute/greatest_sums.ts";
import { roundHalfEven } from "../../quant/range.ts";
import { convolveToCodes } from "../compute/convolve.ts";
import { mapPairs } from "../compute/pairs.ts";
import type { Requantizer } from "../compute/requantize.ts";
import type { Codes, Operands, Weights } from "./operands.ts";
import { optionsOf } from "./graph.ts";
import { ACTIVATIONS, type OperatorName } from "./schema.ts";
import { placeWindow } from "./window.ts";

const { fround } = Math;

/** The elements of a tensor, [count, …]. */
export type Elements = Int8Array | Uint8Array | Float32Array;

/** Computes the output of an operator for a number of images from its first inputs. */
export type Compute = (count: number, x: Elements, other: Elements | undefined) => Elements;

/** Prepares an operator. @throws {DataError} when its tensors do not fit it */
type Prepare = (operands: Operands) => Compute;

/** Operators that move elements without computing any. */
export const MOVES: ReadonlySet<OperatorName> = new Set(["PAD", "PADV2", "RESHAPE"]);

/** How each operator is prepared. */
export const OPERATOR_KERNELS: Readonly<Record<OperatorName, Prepare>> = {
  ADD: add,
  CONV_2D: convolution,
  DEPTHWISE_CONV_2D: depthwise,
  DEQUANTIZE: dequantize,
  FULLY_CONNECTED: fullyConnected,
  MAX_POOL_2D: maxPool,
  MEAN: mean,
  PAD: pad,
  PADV2: pad,
  QUANTIZE: quantize,
  RELU: (operands) => rectify(operands, ACTIVATIONS.relu),
  RELU6: (operands) => rectify(operands, ACTIVATIONS.relu6),
  RESHAPE: reshape,
  SOFTMAX: softmax,
};

/** How a window of an operator moves. */
interface Moves {
  readonly padding: number;
  readonly stride_h: number;
  readonly stride_w: number;
}

function convolution(operands: Operands): Compute {
  operands.count(2, 3);
  const { operator } = operands, options = optionsOf(operator, "Conv2DOptions");
  const weights = operands.weights(1, 4, 0);
  const [o, kh, kw, inputs] = weights.shape as [number, number, number, number];
  const c = operands.inputCodes(0, 4).shape[2]!, groups = c / inputs;
  if (!Number.isInteger(groups) || o % groups !== 0) {
    operator.fail(`weights for ${c} channels`, `[${weights.shape}]`);
  }
  return products(operands, options, { ...weights, shape: [o, kh, kw, inputs] }, groups);
}

function depthwise(operands: Operands): Compute {
  operands.count(2, 3);
  const { operator } = operands, options = optionsOf(operator, "DepthwiseConv2DOptions");
  const weights = operands.weights(1, 4, 3);
  const [one, kh, kw, o] = weights.shape as [number, number, number, number];
  const c = operands.inputCodes(0, 4).shape[2]!;
  if (one !== 1 || o % c !== 0) operator.fail(`weights for ${c} channels`, `[${weights.shape}]`);
  const codes = new Int8Array(weights.codes.length), taps = kh * kw;
  for (let tap = 0; tap < taps; tap++) {
    for (let k = 0; k < o; k++) codes[k * taps + tap] = weights.codes[tap * o + k]!;
  }
  return products(operands, options, { ...weights, codes, shape: [o, kh, kw, 1] }, c);
}

function fullyConnected(operands: Operands): Compute {
  operands.count(2, 3);
  const { operator } = operands, options = optionsOf(operator, "FullyConnectedOptions");
  const x = operands.inputCodes(0), weights = operands.weights(1, 2, 0);
  const [o, inputs] = weights.shape as [number, number];
  operands.spend(weights.codes.length);
  if (inputs !== x.elements) operator.fail(`weights for ${x.elements} inputs`, `[${o},${inputs}]`);
  if (options.weights_format !== 0) operator.fail("weights in order", "shuffled ones");
  const shape = options.keep_num_dims ? [...x.shape.slice(0, -1), o] : [o];
  const sizes = { h: 1, w: 1, c: inputs, ho: 1, wo: 1, o, groups: 1, top: 0, left: 0 };
  const how = requantization(operands, x, weights, options.activation, shape);
  const window = { kernel: [1, 1], stride: [1, 1] } as const;
  return (n, codes) =>
    convolveToCodes({ n, ...sizes, ...window }, codes as Int8Array, x.zero, weights.codes, how);
}

/**
 * A convolution.
 *
 * @param weights [outputs, height, width, inputs of a group]
 */
function products(
  operands: Operands,
  { padding, stride_h, stride_w, activation, dilation_w, dilation_h }: Moves & {
    readonly activation: number;
    readonly dilation_w: number;
    readonly dilation_h: number;
  },
  weights: Weights,
  groups: number,
): Compute {
  const { operator } = operands, x = operands.inputCodes(0, 4);
  const [o = 1, kh = 1, kw = 1] = weights.shape;
  const [h = 1, w = 1, c = 1] = x.shape;
  if (dilation_w !== 1 || dilation_h !== 1) {
    operator.fail("a kernel without gaps", `dilation [${dilation_h},${dilation_w}]`);
  }
  const [rows, columns] = placed(operands, { padding, stride_h, stride_w }, x.shape, [kh, kw]);
  const [ho, wo] = [rows.count, columns.count];
  operands.spend(weights.codes.length * ho * wo);
  const how = requantization(operands, x, weights, activation, [ho, wo, o]);
  const window = { kernel: [kh, kw], stride: [stride_h, stride_w] } as const;
  const sizes = { h, w, c, ho, wo, o, groups, top: rows.before, left: columns.before, ...window };
  return (n, codes) =>
    convolveToCodes({ n, ...sizes }, codes as Int8Array, x.zero, weights.codes, how);
}

/** How the sums of weights · (x − zero) become codes of the output. */
function requantization(
  operands: Operands,
  x: Codes,
  { codes, scales, shape: [outputs = 1] }: Weights,
  activation: number,
  shape: readonly number[],
): Requantizer {
  const y = operands.outputCodes(shape), bias = operands.bias(2, outputs);
  const sums = greatestSums(codes, outputs, x.zero);
  for (let k = 0; k < outputs; k++) {
    const most = sums[k]! + Math.abs(bias[k]!);
    if (most >= SUM_LIMIT) operands.operator.fail("sums that fit int32", `one of ${most}`);
  }
  const factors = Float32Array.from(
    bias,
    (_, k) => operands.factor(fround(x.scale * (scales[k] ?? scales[0]!)), y.scale),
  );
  return { bias, factors, divisor: 1, zero: y.zero, ...operands.bounds(activation, y) };
}

/** The positions of a window along rows and columns. */
function placed(
  { operator }: Operands,
  { padding, stride_h, stride_w }: Moves,
  [h = 1, w = 1]: readonly number[],
  [kh, kw]: readonly [number, number],
) {
  if (padding !== 0 && padding !== 1) operator.fail("padding SAME or VALID", `${padding}`);
  if (stride_h < 1 || stride_w < 1) operator.fail("strides above 0", `[${stride_h},${stride_w}]`);
  if (kh < 1 || kw < 1) operator.fail("a window", `[${kh},${kw}]`);
  const rows = placeWindow(padding, h, kh, stride_h),
    columns = placeWindow(padding, w, kw, stride_w);
  if (rows.count < 1 || columns.count < 1) {
    operator.fail(`a window within [${h},${w}]`, `[${kh},${kw}]`);
  }
  return [rows, columns] as const;
}

/** Bits of the larger factor of a sum of two tensors. */
const ADD_BITS = 20;

function add(operands: Operands): Compute {
  operands.count(2);
  const { activation } = optionsOf(operands.operator, "AddOptions");
  const a = operands.inputCodes(0), b = operands.inputCodes(1);
  if (a.shape.join() !== b.shape.join()) {
    operands.operator.fail("inputs of one shape", `[${a.shape}] and [${b.shape}]`);
  }
  const y = operands.outputCodes(a.shape), { low, high } = operands.bounds(activation, y);
  // Factors as whole numbers of 2^-shift: the sum is rounded once, half upwards.
  const factors = [a, b].map(({ scale }) => operands.factor(scale, y.scale)) as [number, number];
  const shift = ADD_BITS - Math.floor(Math.log2(Math.max(...factors)));
  const [first = 0, second = 0] = factors.map((factor) => roundHalfEven(factor * 2 ** shift));
  const compute = (x: number, other: number) => {
    const sum = first * (x - a.zero) + second * (other - b.zero);
    const code = Math.floor(sum / 2 ** shift + 0.5) + y.zero;
    return Math.min(Math.max(code, low), high);
  };
  const key = ["TFLite", first, second, shift, a.zero, b.zero, y.zero, low, high].join();
  return (_, x, other) => mapPairs(x as Int8Array, other as Int8Array, key, compute);
}

function maxPool(operands: Operands): Compute {
  operands.count(1);
  const options = optionsOf(operands.operator, "Pool2DOptions");
  const { filter_h: kh, filter_w: kw, stride_h, stride_w, activation } = options;
  const x = operands.inputCodes(0, 4), [h = 1, w = 1, c = 1] = x.shape;
  const [rows, columns] = placed(operands, options, x.shape, [kh, kw]);
  const ho = rows.count, wo = columns.count;
  operands.spend(ho * wo * c * kh * kw);
  const y = operands.outputCodesLike(x, [ho, wo, c]),
    { low, high } = operands.bounds(activation, y);
  return (count, x) => {
    const codes = new Int8Array(count * ho * wo * c).fill(low);
    for (let pixel = 0; pixel < count * ho * wo; pixel++) {
      const image = Math.floor(pixel / (ho * wo)), to = pixel * c;
      const top = Math.floor(pixel / wo) % ho * stride_h - rows.before;
      const left = pixel % wo * stride_w - columns.before;
      for (let iy = Math.max(top, 0); iy < Math.min(top + kh, h); iy++) {
        for (let ix = Math.max(left, 0); ix < Math.min(left + kw, w); ix++) {
          const from = ((image * h + iy) * w + ix) * c;
          for (let k = 0; k < c; k++) {
            const code = x[from + k]!;
            if (code > codes[to + k]!) codes[to + k] = code > high ? high : code;
          }
        }
      }
    }
    return codes;
  };
}

function mean(operands: Operands): Compute {
  operands.count(2);
  const { keep_dims } = optionsOf(operands.operator, "ReducerOptions");
  const x = operands.inputCodes(0, 4), [h = 1, w = 1, c = 1] = x.shape, area = h * w;
  const axes = Array.from(operands.numbers(1).values, (axis) => axis < 0 ? axis + 4 : axis);
  if (axes.sort().join() !== "1,2") {
    operands.operator.fail("a mean of rows and columns", `[${axes}]`);
  }
  if (255 * area >= 2 ** 31) operands.operator.fail("sums that fit int32", `${area} pixels`);
  const y = operands.outputCodes(keep_dims ? [1, 1, c] : [c]);
  const factor = fround(operands.factor(x.scale, y.scale) / area);
  return (count, codes) => {
    const result = new Int8Array(count * c), sums = new Int32Array(c);
    for (let image = 0; image < count; image++) {
      sums.fill(-x.zero * area);
      for (let from = image * area * c; from < (image + 1) * area * c; from += c) {
        for (let k = 0; k < c; k++) sums[k]! += codes[from + k]!;
      }
      for (let k = 0; k < c; k++) {
        const code = roundHalfEven(fround(fround(sums[k]!) * factor)) + y.zero;
        result[image * c + k] = Math.min(Math.max(code, -128), 127);
      }
    }
    return result;
  };
}

function pad(operands: Operands): Compute {
  const { operator } = operands, chosen = operator.name === "PADV2";
  operands.count(chosen ? 3 : 2);
  const x = operands.inputCodes(0, 4), { values, shape } = operands.numbers(1);
  const amounts = Array.from(values);
  if (shape.join() !== "4,2" || amounts.some((n) => n < 0) || amounts[0]! + amounts[1]! > 0) {
    operator.fail("padding of rows, columns and channels", `[${shape}]: ${amounts.slice(0, 8)}`);
  }
  const [, , top = 0, bottom = 0, left = 0, right = 0, before = 0, after = 0] = amounts;
  const [h = 1, w = 1, c = 1] = x.shape;
  const [ho, wo, o] = [h + top + bottom, w + left + right, c + before + after] as const;
  const y = operands.outputCodesLike(x, [ho, wo, o]), fill = chosen ? operands.int8(2) : undefined;
  if (fill && fill.length !== 1) operator.fail("one value", `${fill.length}`);
  return (count, codes) => {
    const result = new Int8Array(count * ho * wo * o).fill(fill?.[0] ?? y.zero);
    // Runs that are neighbours in both: rows, or pixels where channels are added.
    const runs = o === c ? h : h * w, size = h * w * c / runs;
    for (let run = 0; run < count * runs; run++) {
      const image = Math.floor(run / runs), row = Math.floor(run % runs * h / runs);
      const to = ((image * ho + row + top) * wo + (o === c ? 0 : run % w) + left) * o + before;
      result.set(codes.subarray(run * size, (run + 1) * size), to);
    }
    return result;
  };
}

function quantize(operands: Operands): Compute {
  operands.count(1);
  const tensor = operands.find(0)!, type = tensor.type === "uint8" ? "uint8" : "int8";
  const x = operands.codes(tensor, "input 0", type), y = operands.outputCodes(x.shape);
  return lookUp(operands, x, y, { low: -128, high: 127 });
}

function rectify(operands: Operands, activation: number): Compute {
  operands.count(1);
  const x = operands.inputCodes(0), y = operands.outputCodes(x.shape);
  return lookUp(operands, x, y, operands.bounds(activation, y));
}

/** Codes that depend on a code alone. */
function lookUp(
  operands: Operands,
  x: Codes,
  y: Codes,
  { low, high }: { readonly low: number; readonly high: number },
): Compute {
  const factor = operands.factor(x.scale, y.scale), table = new Int8Array(384);
  for (let code = -128; code < 256; code++) {
    const moved = roundHalfEven(fround((code - x.zero) * factor)) + y.zero;
    table[code + 128] = Math.min(Math.max(moved, low), high);
  }
  return (_, codes) => {
    const result = new Int8Array(codes.length);
    for (let i = 0; i < result.length; i++) result[i] = table[codes[i]! + 128]!;
    return result;
  };
}

function reshape(operands: Operands): Compute {
  operands.count(1, 2);
  if (operands.find(1)) operands.numbers(1);
  const { operator: { output, fail }, graph } = operands;
  const [, ...shape] = graph.tensors[output]!.shape, x = operands.inputCodes(0);
  const y = operands.outputCodesLike(x, shape);
  if (y.elements !== x.elements) fail(`${x.elements} elements an image`, `[${shape}]`);
  return (_, codes) => codes;
}

function dequantize(operands: Operands): Compute {
  operands.count(1);
  const x = operands.inputCodes(0);
  operands.output("float32", x.shape);
  return (_, codes) => realValues(codes, x);
}

/** The real values of codes. */
export function realValues(
  codes: Elements,
  { scale, zero }: Pick<Codes, "scale" | "zero">,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < values.length; i++) values[i] = scale * (codes[i]! - zero);
  return values;
}

function softmax(operands: Operands): Compute {
  operands.count(1);
  const { beta } = optionsOf(operands.operator, "SoftmaxOptions"), x = operands.input(0, "float32");
  operands.output("float32", x.shape);
  const depth = x.shape.at(-1) ?? 1;
  return (_, scores) => {
    const result = new Float32Array(scores.length);
    for (let first = 0; first < scores.length; first += depth) {
      let most = -Infinity, sum = 0;
      for (let i = first; i < first + depth; i++) most = Math.max(most, scores[i]!);
      for (let i = first; i < first + depth; i++) {
        result[i] = Math.exp(fround(fround(scores[i]! - most) * beta));
        sum = fround(sum + result[i]!);
      }
      for (let i = first; i < first + depth; i++) result[i]! /= sum;
    }
    return result;
  };
}
