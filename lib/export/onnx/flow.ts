/**
 * Tensors of an ONNX graph while it runs. Tensors of images are stored with channels last whatever the
 * order of their dimensions in the file, so that a Transpose between the two orders moves nothing.
 *
 * What an operation leaves is stored as it comes, with the steps that follow noted beside it: a
 * DequantizeLinear, the limits of an activation. A QuantizeLinear then takes all of them in one pass.
 *
 * @module
 */
import { type Limits, type Pending, quantize } from "./pending.ts";

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
  /** They are computed by who reads them. */
  | { readonly kind: "pending" };

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
export type Data = Uint8Array | Int8Array | Float32Array | Pending;

const NO_LIMITS: Limits = [-Infinity, Infinity];

/** Returns a tensor's real values. */
export function realsOf({ form, limits }: Flow, data: Data): Float32Array {
  if ("reals" in data) return data.reals(limits ?? NO_LIMITS);
  if (form.kind === "dequantized") {
    const values = dequantized(form, limits), result = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) result[i] = values[data[i]! + 128]!;
    return result;
  }
  if (data instanceof Float32Array && !limits) return data;
  const result = new Float32Array(data);
  if (limits) {
    const [low, high] = limits;
    for (let i = 0; i < result.length; i++) {
      const v = result[i]!;
      result[i] = v < low ? low : v > high ? high : v;
    }
  }
  return result;
}

/** The values of all codes, from −128. */
export function dequantized(
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
  if ("codes" in data) return data.codes(limits ?? NO_LIMITS, scale, zero);
  if (form.kind === "dequantized") {
    const table = quantize(dequantized(form, limits), scale, zero);
    const result = new Int8Array(data.length);
    for (let i = 0; i < data.length; i++) result[i] = table[data[i]! + 128]!;
    return result;
  }
  return quantize(realsOf(flow, data), scale, zero);
}
