/**
 * What becomes of sums of products: of codes the codes of the next tensor, in the two ways that formats
 * have; of float32 values clipped ones.
 *
 * @module
 */

/** What both ways have. */
interface Bounds {
  /** Is added to each output's sums. */
  readonly bias: Int32Array;
  /** Zero point of the codes, −128 to 127. */
  readonly zero: number;
  /** The least and the greatest code: narrower than −128 to 127 where an activation is joined. */
  readonly low: number;
  readonly high: number;
}

/**
 * In f32: code = round half to even ((sum + bias) · factor / divisor) + zero, each step rounded to f32;
 * what ONNX defines, and XNNPACK computes.
 */
export interface FloatRequantizer extends Bounds {
  /** By output. */
  readonly factors: Float32Array;
  /** 1 where factors contain it. */
  readonly divisor: number;
}

/**
 * In fixed point: code = (sum + bias) · multiplier · 2^(shift − 31) + zero, as TFLite's reference
 * computes it: shifted left, the product rounded, half upwards; then shifted right, half away from 0.
 */
export interface FixedRequantizer extends Bounds {
  /** By output. */
  readonly multipliers: Int32Array;
  /** By output, −31 to 30; positive to the left. */
  readonly shifts: Int32Array;
}

/** How sums become codes. */
export type Requantizer = FloatRequantizer | FixedRequantizer;

/** Returns the codes of sums, [pixels][outputs]; plain loops. */
export function requantize(
  sums: Int32Array,
  outputs: number,
  requantizer: Requantizer,
): Int8Array<ArrayBuffer> {
  const { bias, zero, low, high } = requantizer;
  const round = "factors" in requantizer ? roundFloat(requantizer) : roundFixed(requantizer);
  const codes = new Int8Array(sums.length);
  for (let i = 0; i < sums.length; i++) {
    const output = i % outputs, code = round(sums[i]! + bias[output]! | 0, output) + zero;
    codes[i] = Math.min(Math.max(code, low), high);
  }
  return codes;
}

function roundFloat({ factors, divisor }: FloatRequantizer): (sum: number, i: number) => number {
  const { fround } = Math;
  return (sum, output) => {
    const value = fround(fround(fround(sum) * factors[output]!) / divisor), low = Math.floor(value);
    const rest = value - low;
    return rest < 0.5 || rest === 0.5 && low % 2 === 0 ? low : low + 1;
  };
}

function roundFixed({ multipliers, shifts }: FixedRequantizer): (sum: number, i: number) => number {
  return (sum, output) => {
    const shift = shifts[output]!, left = sum << Math.max(shift, 0), right = Math.max(-shift, 0);
    const product = BigInt(left) * BigInt(multipliers[output]!);
    const high = Number(BigInt.asIntN(32, (product + (1n << 30n)) >> 31n));
    // At most 2^31, so that all of this is exact.
    const magnitude = Math.floor(Math.abs(high) / 2 ** right + 0.5);
    return high < 0 ? -magnitude : magnitude;
  };
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
