/**
 * Reference of kernels/conv_backward_weight/shader.wgsl.
 *
 * @module
 */
import { STEP } from "../../lib/quant/layouts.ts";
import { zeroCentred } from "../include/depthwise.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { float64 } from "../include/int64.ts";
import { addMultiple } from "../include/multiply_add.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ConvBackwardWeight {
  readonly INT8: number;
  readonly BIAS: number;
  readonly H: number;
  readonly W: number;
  readonly IQ: number;
  readonly HO: number;
  readonly WO: number;
  readonly OQ: number;
  readonly DQ: number;
  readonly FIRST: number;
  readonly KH: number;
  readonly KW: number;
  readonly SH: number;
  readonly SW: number;
  readonly PH: number;
  readonly PW: number;
  readonly PIXELS: number;
  /** Pixels in a chunk of an f32 sum. */
  readonly CHUNK: number;
  readonly X_ROW: number;
  readonly DY_ROW: number;
  readonly ACCUMULATE: number;
  readonly NONFINITE: number;
  readonly BIAS_NONFINITE: number;
}

/** Sums of products [4·OQ, KH·KW, 4·IQ] and of dY [4·OQ]. */
interface Sums {
  readonly products: Float32Array | Float64Array;
  readonly dy: Float32Array | Float64Array;
}

/**
 * dW (and db): sums over all pixels. In int8 they are exact and rounded once. An f32 sum adds the pixels
 * of a chunk ascending, with x = 0 in the padding (include/multiply_add.ts), and then the chunks.
 */
export function convBackwardWeight(
  c: ConvBackwardWeight,
  b: Buffers<"x" | "dy" | "gradient" | "bias_gradient">,
): void {
  const fround = Math.fround, adds = c.ACCUMULATE && STEP.get(b.step, 0, "first") > 0;
  const sx = row(b.quantizers, c.X_ROW).scale, sdy = row(b.quantizers, c.DY_ROW).scale;
  const sums = sumsOf(c, b);
  const store = (sums: Sums["dy"], to: Float32Array, unit: number) => {
    sums.forEach((sum, at) => {
      const value = c.INT8 ? fround(float64(sum) * unit) : sum;
      to[at] = adds ? fround(value + to[at]!) : value;
    });
    return vectorsNotFinite(to.subarray(0, sums.length));
  };
  b.statistics.u32[c.NONFINITE]! += store(sums.products, b.gradient.f32, fround(sx * sdy));
  if (!c.BIAS) return;
  const bias = b.bias_gradient.f32.subarray(4 * c.FIRST);
  b.statistics.u32[c.BIAS_NONFINITE]! += store(sums.dy, bias, sdy);
}

function sumsOf(c: ConvBackwardWeight, b: Buffers<"x" | "dy">): Sums {
  const size = 16 * c.OQ * c.KH * c.KW * c.IQ;
  if (c.INT8) {
    const sums = { products: new Float64Array(size), dy: new Float64Array(4 * c.OQ) };
    addPixels(c, b, 0, c.PIXELS, sums);
    return sums;
  }
  const zeros = () => ({ products: new Float32Array(size), dy: new Float32Array(4 * c.OQ) });
  const sums = zeros();
  for (let first = 0; first < c.PIXELS; first += c.CHUNK) {
    const chunk = zeros();
    addPixels(c, b, first, Math.min(c.PIXELS, first + c.CHUNK), chunk);
    chunk.products.forEach((sum, at) => sums.products[at]! += sum);
    chunk.dy.forEach((sum, at) => sums.dy[at]! += sum);
  }
  return sums;
}

/** Adds the pixels from `first` to `end` − 1 to sums. */
function addPixels(
  c: ConvBackwardWeight,
  b: { readonly quantizers: HostBuffer; readonly x: HostBuffer; readonly dy: HostBuffer },
  first: number,
  end: number,
  sums: Sums,
): void {
  const inputs = 4 * c.IQ, outputs = 4 * c.OQ, taps = c.KH * c.KW;
  const x = zeroCentred(c.INT8, b.x, row(b.quantizers, c.X_ROW).zero);
  const dy = zeroCentred(c.INT8, b.dy, row(b.quantizers, c.DY_ROW).zero);
  const outside = c.INT8 ? new Int16Array(inputs) : new Float32Array(inputs);
  for (let pixel = first; pixel < end; pixel++) {
    const image = Math.floor(pixel / (c.HO * c.WO));
    const row_ = Math.floor(pixel / c.WO) % c.HO, column = pixel % c.WO;
    const from = 4 * (pixel * c.DQ + c.FIRST);
    for (let o = 0; o < outputs; o++) sums.dy[o]! += dy[from + o]!;
    for (let tap = 0; tap < taps; tap++) {
      const y = row_ * c.SH - c.PH + Math.floor(tap / c.KW);
      const at = column * c.SW - c.PW + tap % c.KW;
      const inside = y >= 0 && y < c.H && at >= 0 && at < c.W;
      const [xs, xFrom] = inside ? [x, ((image * c.H + y) * c.W + at) * inputs] : [outside, 0];
      for (let o = 0; o < outputs; o++) {
        addMultiple(sums.products, (o * taps + tap) * inputs, dy[from + o]!, xs, xFrom, inputs);
      }
    }
  }
}

/** Returns the number of vectors of four that contain a non-finite value, as kernels count them. */
export function vectorsNotFinite(values: Float32Array): number {
  let vectors = 0;
  for (let at = 0; at < values.length; at += 4) {
    const [a, b, c, d] = [values[at]!, values[at + 1]!, values[at + 2]!, values[at + 3]!];
    // A difference with itself is 0, or NaN where a value is not finite.
    if ((a - a) + (b - b) + (c - c) + (d - d) !== 0) vectors++;
  }
  return vectors;
}
