/**
 * How true a quantized tensor is to its real values, from the sums of kernels/quantization_error/shader.wgsl.
 *
 * @module
 */

/** Figures of one tensor. */
export interface QuantizationError {
  /** Signal to quantization noise, 10·log10(Σ x² / Σ (x̂ − x)²), in dB; infinite when equal. */
  readonly sqnr: number;
  /** Cosine of the angle between the real values and the quantized ones. */
  readonly cosine: number;
}

/** Figures by row; `undefined` where the tensor was zero or was not compared. */
export function quantizationErrorOf(sums: Float32Array): (QuantizationError | undefined)[] {
  return Array.from({ length: sums.length / 4 }, (_, row) => {
    const [xx = 0, xe = 0, ee = 0] = sums.subarray(4 * row, 4 * row + 3);
    if (!(xx > 0)) return undefined;
    const length = xx + 2 * xe + ee;
    return {
      sqnr: ee > 0 ? 10 * Math.log10(xx / ee) : Infinity,
      cosine: length > 0 ? (xx + xe) / Math.sqrt(xx * length) : 0,
    };
  });
}
