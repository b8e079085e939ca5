/**
 * Folds a norm into the weights of the convolution before it (Jacob et al. 2018, arXiv 1712.05877,
 * §3.2). The codes of a quantized weight stay; each output gets a scale of its own.
 *
 * @module
 */
import { quantizerOf, roundHalfEven } from "../quant/range.ts";
import type { ExportTensor, FloatWeights, QuantizedWeights } from "./network.ts";

/** Weights of a layer and its bias, as training has them. */
interface LayerWeights {
  /** [outputs, …], row-major. */
  readonly values: Float32Array;
  readonly bias: Float32Array;
}

/** A norm: factor · (y − mean) + shift, by output. Empty lists: none. */
type Affine = Readonly<Record<"factor" | "mean" | "shift", readonly number[]>>;

/** How a weight is quantized. */
interface WeightQuantizer {
  readonly bits: number;
  /** Whether each output has a scale. */
  readonly perChannel: boolean;
}

/** No norm. */
export const NO_NORM: Affine = { factor: [], mean: [], shift: [] };

const fround = Math.fround;

/** The smallest ratio of the scale of a sum to that of its output that runtimes take. */
const MIN_MULTIPLIER = 2 ** -30;
/**
 * The largest magnitude of a bias's code: sums of products must fit beside it in int32. Less than 2³⁰ by
 * what rounding a scale to f32 may add.
 */
const MAX_BIAS_CODE = 2 ** 30 - 2 ** 8;

/**
 * Returns real weights with the norm in them.
 *
 * @param how if the weight was quantized in training: the values are those that its codes represent
 */
export function realWeights(
  { values, bias }: LayerWeights,
  affine: Affine,
  how: WeightQuantizer | undefined,
): FloatWeights {
  const outputs = bias.length, size = values.length / outputs;
  const { codes, scales } = how
    ? codesOfWeights(values, outputs, how)
    : { codes: values, scales: undefined };
  const folded = new Float32Array(values.length);
  for (let k = 0, at = 0; k < outputs; k++) {
    const factor = affine.factor[k] ?? 1, scale = scales?.[k];
    for (const end = at + size; at < end; at++) {
      folded[at] = (scale === undefined ? codes[at]! : fround(codes[at]! * scale)) * factor;
    }
  }
  return { values: folded, bias: Float32Array.from(foldedBias(bias, affine)) };
}

/**
 * Returns codes, scales and bias with the norm in them: a scale is multiplied by the magnitude of the
 * factor, and the codes of a negative one change their sign.
 *
 * An output of a tiny scale (a norm whose factor is nearly 0) would need a bias beyond int32, or a
 * multiplier that runtimes refuse: its scale is raised and its codes shrink, which changes its sum by
 * less than the bias can hold.
 */
export function quantizedWeights(
  { values, bias }: LayerWeights,
  affine: Affine,
  how: WeightQuantizer,
  { input, output }: Readonly<Record<"input" | "output", ExportTensor>>,
): QuantizedWeights {
  const outputs = bias.length, size = values.length / outputs;
  const { codes, scales } = codesOfWeights(values, outputs, how), real = foldedBias(bias, affine);
  const x = input.quantizer!.scale, y = output.quantizer?.scale ?? x;
  const result = {
    codes: new Int8Array(values.length),
    scales: new Float32Array(outputs),
    bias: new Int32Array(outputs),
  };
  for (let k = 0, at = 0; k < outputs; k++) {
    const factor = affine.factor[k] ?? 1, scale = scales[k]! * Math.abs(factor);
    const least = Math.max(Math.abs(real[k]!) / MAX_BIAS_CODE, y * MIN_MULTIPLIER) / x;
    const raised = fround(Math.max(scale, least)), sign = factor < 0 ? -1 : 1;
    const ratio = least > scale ? scale / raised : 1;
    for (const end = at + size; at < end; at++) {
      result.codes[at] = sign * Math.round(codes[at]! * ratio);
    }
    result.scales[k] = raised;
    result.bias[k] = Math.round(real[k]! / fround(x * raised));
  }
  return result;
}

function foldedBias(bias: Float32Array, { factor, mean, shift }: Affine): number[] {
  return Array.from(bias, (own, k) => (own - (mean[k] ?? 0)) * (factor[k] ?? 1) + (shift[k] ?? 0));
}

/** Codes and scales of a weight, as kernels/pack_weights and quantize_depthwise_weights compute them. */
function codesOfWeights(
  values: Float32Array,
  outputs: number,
  { bits, perChannel }: WeightQuantizer,
): { readonly codes: Int8Array | Int16Array; readonly scales: readonly number[] } {
  const size = values.length / outputs, scales: number[] = [];
  // With simulated arithmetic up to 16 bits. VGG-16 has a hundred million in a layer.
  const codes = bits > 8 ? new Int16Array(values.length) : new Int8Array(values.length);
  const extremes = (part: Float32Array) => {
    let low = 0, high = 0;
    for (const v of part) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
    return { low, high };
  };
  const whole = perChannel ? undefined : quantizerOf(extremes(values), bits, true);
  for (let k = 0; k < outputs; k++) {
    const part = values.subarray(k * size, (k + 1) * size);
    const { scale, inverse, qmin, qmax } = whole ?? quantizerOf(extremes(part), bits, true);
    scales.push(scale);
    for (let at = 0; at < size; at++) {
      const code = roundHalfEven(fround(part[at]! * inverse));
      codes[k * size + at] = Math.min(Math.max(code, qmin), qmax);
    }
  }
  return { codes, scales };
}
