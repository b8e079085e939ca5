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

/** Lowest and highest value. */
export type Limits = readonly [low: number, high: number];

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

/** Returns a tensor's real values. */
export function realsOf({ form, limits, shape: { c } }: Flow, data: Data): Float32Array {
  const [low, high] = limits ?? [-Infinity, Infinity];
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
  { scales, bias, addend }: Form & { kind: "sums" },
  data: Data,
  c: number,
  low: number,
  high: number,
): Float32Array {
  const result = new Float32Array(data.length);
  const bias64 = bias ? Float64Array.from(bias) : new Float64Array(c);
  const more = addend ?? new Float32Array(c);
  for (let from = 0; from < data.length; from += c) {
    for (let o = 0; o < c; o++) {
      const v = fround((data[from + o]! + bias64[o]!) * scales[o]!) + more[o]!;
      result[from + o] = v < low ? low : v > high ? high : v;
    }
  }
  return result;
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
  return quantize(realsOf(flow, data), scale, zero);
}

/** In doubles, adding and subtracting it rounds to whole numbers, half to even. */
const ROUNDER = 1.5 * 2 ** 52;

function quantize(values: Float32Array, scale: number, zero: number): Int8Array {
  const codes = new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const v = fround(values[i]! / scale), rounded = (v + ROUNDER) - ROUNDER + zero;
    codes[i] = rounded < -128 ? -128 : rounded > 127 ? 127 : rounded;
  }
  return codes;
}
