/**
 * Tensors of an ONNX graph while it runs. Tensors of images are stored with channels last whatever the
 * order of their dimensions in the file, so that a Transpose between the two orders moves nothing.
 *
 * What an operation leaves is stored as it comes, with the steps that follow noted beside it: a
 * DequantizeLinear, the scales and bias of integer sums, the limits of an activation. A
 * QuantizeLinear then takes all of them in one pass.
 *
 * @module
 */

/** A tensor's dimensions: [batch, c, h, w], [batch, h, w, c], or [batch, c] with h and w 1. */
export interface Shape {
  readonly order: "nchw" | "nhwc" | "nc";
  readonly h: number;
  readonly w: number;
  readonly c: number;
}

/** How stored numbers become the tensor's values. */
export type Form =
  /** They are the values. */
  | { readonly kind: "pixels" | "reals" }
  /** Int8; a tensor of uint8 is stored less 128. */
  | { readonly kind: "codes"; readonly unsigned: boolean }
  /** Int8 codes with value scale · (code − zero). */
  | { readonly kind: "dequantized"; readonly scale: number; readonly zero: number }
  /** Int32 sums with value scales[channel] · (sum + bias[channel]) + addend[channel]. */
  | {
    readonly kind: "sums";
    readonly scales: Float32Array;
    readonly bias: Int32Array | undefined;
    readonly addend: Float32Array | undefined;
  };

type Sums = Form & { readonly kind: "sums" };

/** Lowest and highest value. */
export type Limits = readonly [low: number, high: number];

const UNLIMITED: Limits = [-Infinity, Infinity];

/** A tensor that is computed. */
export interface Flow {
  readonly shape: Shape;
  /** Where it is stored. */
  readonly slot: number;
  readonly form: Form;
  /** What the values are clipped to. */
  readonly limits: Limits | undefined;
}

/** What slots hold. */
export type Data = Uint8Array | Int8Array | Int32Array | Float32Array;

const fround = Math.fround;

/** In doubles, adding and subtracting it rounds to whole numbers, half to even. */
const ROUNDER = 1.5 * 2 ** 52;

/** Returns a tensor's real values. */
export function realsOf({ form, limits, shape: { c } }: Flow, data: Data): Float32Array {
  const [low, high] = limits ?? UNLIMITED;
  if (form.kind === "dequantized") {
    const values = dequantized(form, limits);
    const result = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) result[i] = values[data[i]! + 128]!;
    return result;
  }
  if (form.kind === "sums") return sumsToReals(form, data, c, low, high);
  if (data instanceof Float32Array && !limits) return data;
  const result = new Float32Array(data);
  if (limits) {
    for (let i = 0; i < result.length; i++) {
      const v = result[i]!;
      result[i] = v < low ? low : v > high ? high : v;
    }
  }
  return result;
}

function sumsToReals(
  { scales, bias, addend }: Sums,
  sums: Data,
  c: number,
  low: number,
  high: number,
): Float32Array {
  const result = new Float32Array(sums.length);
  const biases = bias ?? new Int32Array(c), addends = addend ?? new Float32Array(c);
  for (let from = 0; from < sums.length; from += c) {
    for (let o = 0; o < c; o++) {
      const v = fround((sums[from + o]! + biases[o]!) * scales[o]!) + addends[o]!;
      result[from + o] = v < low ? low : v > high ? high : v;
    }
  }
  return result;
}

/** The same and `quantize` in one pass, without storing real values: half of the time of both. */
function sumsToCodes(
  { scales, bias, addend }: Sums,
  sums: Int32Array,
  c: number,
  [low, high]: Limits,
  scale: number,
  zero: number,
): Int8Array {
  const codes = new Int8Array(sums.length);
  const biases = bias ?? new Int32Array(c), addends = addend ?? new Float32Array(c);
  for (let from = 0; from < sums.length; from += c) {
    for (let o = 0; o < c; o++) {
      const sum = fround((sums[from + o]! + biases[o]!) * scales[o]!);
      const v = fround(sum + addends[o]!), clipped = v < low ? low : v > high ? high : v;
      const rounded = (fround(clipped / scale) + ROUNDER) - ROUNDER + zero;
      codes[from + o] = rounded < -128 ? -128 : rounded > 127 ? 127 : rounded;
    }
  }
  return codes;
}

/** The values of all codes, from −128. */
function dequantized(
  { scale, zero }: Form & { kind: "dequantized" },
  limits: Limits | undefined,
): Float32Array {
  const values = Float32Array.from({ length: 256 }, (_, i) => scale * (i - 128 - zero));
  return limits ? values.map((v) => Math.min(Math.max(v, limits[0]), limits[1])) : values;
}

/** Whether an operation that only moves or compares values may do so with the codes. */
export function holdsCodes({ form, limits }: Flow): boolean {
  return form.kind === "codes" || form.kind === "dequantized" && !limits;
}

/** Returns a tensor's codes, saturate(round half to even(value / scale) + zero), −128 to 127. */
export function codesOf(flow: Flow, data: Data, scale: number, zero: number): Int8Array {
  const { form, limits } = flow;
  if (form.kind === "dequantized") {
    const table = quantize(dequantized(form, limits), scale, zero);
    const result = new Int8Array(data.length);
    for (let i = 0; i < data.length; i++) result[i] = table[data[i]! + 128]!;
    return result;
  }
  if (form.kind === "sums" && data instanceof Int32Array) {
    return sumsToCodes(form, data, flow.shape.c, limits ?? UNLIMITED, scale, zero);
  }
  return quantize(realsOf(flow, data), scale, zero);
}

function quantize(values: Float32Array, scale: number, zero: number): Int8Array {
  const codes = new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const v = fround(values[i]! / scale), rounded = (v + ROUNDER) - ROUNDER + zero;
    codes[i] = rounded < -128 ? -128 : rounded > 127 ? 127 : rounded;
  }
  return codes;
}
