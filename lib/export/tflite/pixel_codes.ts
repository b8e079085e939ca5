/**
 * How pixels become the codes that a network reads: what training computes, and a depthwise convolution
 * of one tap that computes the same, or nearly.
 *
 * @module
 */
import { roundHalfEven } from "../../quant/range.ts";
import type { ExportNetwork, QuantizedWeights, Quantizer } from "../network.ts";

const { fround } = Math;

/** The codes of the pixels 0 to 255 in training, by channel. */
export function trainedPixelCodes(
  { input: { quantizer }, scale, shift }: Pick<ExportNetwork, "input" | "scale" | "shift">,
): Int8Array[] {
  const { scale: step, zero } = quantizer!, inverse = fround(1 / step);
  return scale.map((factor, c) =>
    Int8Array.from({ length: 256 }, (_, pixel) => {
      const real = fround(fround(pixel * factor) + shift[c]!);
      return saturate(roundHalfEven(fround(real * inverse)) + zero);
    })
  );
}

/**
 * Returns weights for pixels − 128 as codes of scale 1 and zero point −128, one tap a channel. The bias
 * is a whole number of the scale of the weight, so that a sum may fall on the other side of a rounding
 * step: of the codes 64 to 127 of a weight the first one is taken with the fewest such pixels.
 *
 * @param codes {@linkcode trainedPixelCodes}
 */
export function pixelWeights(
  codes: readonly Int8Array[],
  { scale, shift }: Pick<ExportNetwork, "scale" | "shift">,
  { scale: step, zero }: Quantizer,
): QuantizedWeights {
  const count = scale.length;
  const result = {
    codes: new Int8Array(count),
    scales: new Float32Array(count),
    bias: new Int32Array(count),
  };
  for (let c = 0; c < count; c++) {
    let fewest = Infinity;
    for (let code = 127; code >= 64 && fewest > 0; code--) {
      const unit = fround(scale[c]! / code), bias = Math.round(shift[c]! / unit);
      const factor = fround(unit / step);
      const differing = codes[c]!.reduce((sum, expected, pixel) => {
        const got = saturate(roundHalfEven(fround((pixel * code + bias) * factor)) + zero);
        return sum + Number(got !== expected);
      }, 0);
      if (differing >= fewest) continue;
      fewest = differing;
      [result.codes[c], result.scales[c], result.bias[c]] = [code, unit, bias];
    }
  }
  return result;
}

function saturate(code: number): number {
  return Math.min(Math.max(code, -128), 127);
}
