/**
 * What becomes of sums of products: of codes the codes of the next tensor, of float32 values clipped ones.
 *
 * @module
 */
import { roundHalfEven } from "../../quant/range.ts";

/**
 * How sums become codes: round half to even ((sum + bias) · factor / divisor) + zero, each step rounded
 * to f32. ONNX defines it so, with the scale of the codes as divisor; LiteRT's XNNPACK has it in the
 * factor.
 */
export interface Requantizer {
  /** By output, in codes of the sums. */
  readonly bias: Int32Array;
  /** By output. */
  readonly factors: Float32Array;
  readonly divisor: number;
  /** Zero point of the codes, −128 to 127. */
  readonly zero: number;
  /** The least and the greatest code: narrower than −128 to 127 where an activation is joined. */
  readonly low: number;
  readonly high: number;
}

/** Returns the codes of sums, [pixels][outputs]; plain loops. */
export function requantize(
  sums: Int32Array,
  outputs: number,
  { bias, factors, divisor, zero, low, high }: Requantizer,
): Int8Array<ArrayBuffer> {
  const { fround } = Math, codes = new Int8Array(sums.length);
  for (let i = 0; i < sums.length; i++) {
    const output = i % outputs, sum = fround(sums[i]! + bias[output]! | 0);
    const value = fround(fround(sum * factors[output]!) / divisor);
    codes[i] = Math.min(Math.max(roundHalfEven(value) + zero, low), high);
  }
  return codes;
}

/** What becomes of float32 sums: their output's bias is added, then they are clipped. */
export interface Clipping {
  /** By output. */
  readonly bias: Float32Array;
  /** The least and the greatest value; may be infinite. */
  readonly low: number;
  readonly high: number;
}

/** Clips sums, [pixels][outputs], where they are; plain loops. */
export function clip(sums: Float32Array, outputs: number, { bias, low, high }: Clipping): void {
  for (let i = 0; i < sums.length; i++) {
    const value = Math.fround(sums[i]! + bias[i % outputs]!);
    sums[i] = value < low ? low : value > high ? high : value;
  }
}
