/**
 * Every kernel by name: its WGSL template and its reference on the CPU. Adding one means a file in
 * kernels/, one of the same name in lib/reference/, and a line here.
 *
 * @module
 */
import activationForwardSource from "../kernels/activation_forward.wgsl" with { type: "text" };
import adamwSource from "../kernels/adamw.wgsl" with { type: "text" };
import addForwardSource from "../kernels/add_forward.wgsl" with { type: "text" };
import averageWeightsSource from "../kernels/average_weights.wgsl" with { type: "text" };
import avgPoolBackwardSource from "../kernels/avg_pool_backward.wgsl" with { type: "text" };
import avgPoolForwardSource from "../kernels/avg_pool_forward.wgsl" with { type: "text" };
import channelRangeSource from "../kernels/channel_range.wgsl" with { type: "text" };
import channelSumsSource from "../kernels/channel_sums.wgsl" with { type: "text" };
import clearExtremesSource from "../kernels/clear_extremes.wgsl" with { type: "text" };
import clipFactorSource from "../kernels/clip_factor.wgsl" with { type: "text" };
import clipSearchSource from "../kernels/clip_search.wgsl" with { type: "text" };
import convBackwardInputSource from "../kernels/conv_backward_input.wgsl" with { type: "text" };
import convBackwardWeightSource from "../kernels/conv_backward_weight.wgsl" with {
  type: "text",
};
import convForwardSource from "../kernels/conv_forward.wgsl" with { type: "text" };
import depthwiseBackwardInputSource from "../kernels/depthwise_backward_input.wgsl" with {
  type: "text",
};
import depthwiseBackwardWeightSource from "../kernels/depthwise_backward_weight.wgsl" with {
  type: "text",
};
import depthwiseForwardSource from "../kernels/depthwise_forward.wgsl" with { type: "text" };
import depthwiseWeightGradientSource from "../kernels/depthwise_weight_gradient.wgsl" with {
  type: "text",
};
import depthwiseWeightsSource from "../kernels/depthwise_weights.wgsl" with { type: "text" };
import dropoutBackwardSource from "../kernels/dropout_backward.wgsl" with { type: "text" };
import dropoutForwardSource from "../kernels/dropout_forward.wgsl" with { type: "text" };
import dropoutRangeSource from "../kernels/dropout_range.wgsl" with { type: "text" };
import errorTotalSource from "../kernels/error_total.wgsl" with { type: "text" };
import estimateSource from "../kernels/estimate.wgsl" with { type: "text" };
import exchangeWeightsSource from "../kernels/exchange_weights.wgsl" with { type: "text" };
import gradientSumSource from "../kernels/gradient_sum.wgsl" with { type: "text" };
import holdSource from "../kernels/hold.wgsl" with { type: "text" };
import inputSource from "../kernels/input.wgsl" with { type: "text" };
import maxPoolBackwardSource from "../kernels/max_pool_backward.wgsl" with { type: "text" };
import maxPoolForwardSource from "../kernels/max_pool_forward.wgsl" with { type: "text" };
import normBackwardSource from "../kernels/norm_backward.wgsl" with { type: "text" };
import normBackwardCoefficientsSource from "../kernels/norm_backward_coefficients.wgsl" with {
  type: "text",
};
import normBackwardSumsSource from "../kernels/norm_backward_sums.wgsl" with { type: "text" };
import normCoefficientsSource from "../kernels/norm_coefficients.wgsl" with { type: "text" };
import normForwardSource from "../kernels/norm_forward.wgsl" with { type: "text" };
import normFrozenSource from "../kernels/norm_frozen.wgsl" with { type: "text" };
import packWeightsSource from "../kernels/pack_weights.wgsl" with { type: "text" };
import quantizationErrorSource from "../kernels/quantization_error.wgsl" with { type: "text" };
import quantizeRealSource from "../kernels/quantize_real.wgsl" with { type: "text" };
import sgdSource from "../kernels/sgd.wgsl" with { type: "text" };
import softmaxCrossEntropySource from "../kernels/softmax_cross_entropy.wgsl" with {
  type: "text",
};
import squareSumsSource from "../kernels/square_sums.wgsl" with { type: "text" };
import weightGradientSource from "../kernels/weight_gradient.wgsl" with { type: "text" };
import weightRangeSource from "../kernels/weight_range.wgsl" with { type: "text" };
import weightSumsSource from "../kernels/weight_sums.wgsl" with { type: "text" };
import depthwiseInclude from "../kernels/include/depthwise.wgsl" with { type: "text" };
import dropoutInclude from "../kernels/include/dropout.wgsl" with { type: "text" };
import finiteInclude from "../kernels/include/finite.wgsl" with { type: "text" };
import gradientInclude from "../kernels/include/gradient.wgsl" with { type: "text" };
import int64Include from "../kernels/include/int64.wgsl" with { type: "text" };
import normInclude from "../kernels/include/norm.wgsl" with { type: "text" };
import placeInclude from "../kernels/include/place.wgsl" with { type: "text" };
import quadInclude from "../kernels/include/quad.wgsl" with { type: "text" };
import quantizeInclude from "../kernels/include/quantize.wgsl" with { type: "text" };
import rangeInclude from "../kernels/include/range.wgsl" with { type: "text" };
import storeWideInclude from "../kernels/include/store_wide.wgsl" with { type: "text" };
import { activationForward } from "./reference/activation_forward.ts";
import { adamw } from "./reference/adamw.ts";
import { addForward } from "./reference/add_forward.ts";
import { averageWeights } from "./reference/average_weights.ts";
import { avgPoolBackward } from "./reference/avg_pool_backward.ts";
import { avgPoolForward } from "./reference/avg_pool_forward.ts";
import { channelRange } from "./reference/channel_range.ts";
import { channelSums } from "./reference/channel_sums.ts";
import { clearExtremes } from "./reference/clear_extremes.ts";
import { clipFactor } from "./reference/clip_factor.ts";
import { clipSearch } from "./reference/clip_search.ts";
import { convBackwardInput } from "./reference/conv_backward_input.ts";
import { convBackwardWeight } from "./reference/conv_backward_weight.ts";
import { convForward } from "./reference/conv_forward.ts";
import { depthwiseBackwardInput } from "./reference/depthwise_backward_input.ts";
import { depthwiseBackwardWeight } from "./reference/depthwise_backward_weight.ts";
import { depthwiseForward } from "./reference/depthwise_forward.ts";
import { depthwiseWeightGradient } from "./reference/depthwise_weight_gradient.ts";
import { depthwiseWeights } from "./reference/depthwise_weights.ts";
import { dropoutBackward } from "./reference/dropout_backward.ts";
import { dropoutForward } from "./reference/dropout_forward.ts";
import { dropoutRange } from "./reference/dropout_range.ts";
import { errorTotal } from "./reference/error_total.ts";
import { estimate } from "./reference/estimate.ts";
import { exchangeWeights } from "./reference/exchange_weights.ts";
import { gradientSum } from "./reference/gradient_sum.ts";
import { hold } from "./reference/hold.ts";
import { input } from "./reference/input.ts";
import { maxPoolBackward } from "./reference/max_pool_backward.ts";
import { maxPoolForward } from "./reference/max_pool_forward.ts";
import { normBackward } from "./reference/norm_backward.ts";
import { normBackwardCoefficients } from "./reference/norm_backward_coefficients.ts";
import { normBackwardSums } from "./reference/norm_backward_sums.ts";
import { normCoefficients } from "./reference/norm_coefficients.ts";
import { normForward } from "./reference/norm_forward.ts";
import { normFrozen } from "./reference/norm_frozen.ts";
import { packWeights } from "./reference/pack_weights.ts";
import { quantizationError } from "./reference/quantization_error.ts";
import { quantizeReal } from "./reference/quantize_real.ts";
import { sgd } from "./reference/sgd.ts";
import { softmaxCrossEntropy } from "./reference/softmax_cross_entropy.ts";
import { squareSums } from "./reference/square_sums.ts";
import { weightGradient } from "./reference/weight_gradient.ts";
import { weightRange } from "./reference/weight_range.ts";
import { weightSums } from "./reference/weight_sums.ts";
import type { Constants } from "./program.ts";
import type { HostBuffer } from "./reference/include/host_buffer.ts";

/** A kernel's template and the plain loops that state what it must compute. */
export interface Kernel {
  readonly source: string;
  readonly reference: (constants: Constants, buffers: Readonly<Record<string, HostBuffer>>) => void;
}

/** Forgets the types of a reference: the ops and the tests hold constants and buffers together. */
function kernel<C, B>(source: string, reference: (constants: C, buffers: B) => void): Kernel {
  return { source, reference: reference as unknown as Kernel["reference"] };
}

/** Files that templates include. */
export const includes: Readonly<Record<string, string>> = {
  depthwise: depthwiseInclude,
  dropout: dropoutInclude,
  finite: finiteInclude,
  gradient: gradientInclude,
  int64: int64Include,
  norm: normInclude,
  place: placeInclude,
  quad: quadInclude,
  quantize: quantizeInclude,
  range: rangeInclude,
  store_wide: storeWideInclude,
};

/** Every kernel. */
export const kernels: Readonly<Record<string, Kernel>> = {
  activation_forward: kernel(activationForwardSource, activationForward),
  adamw: kernel(adamwSource, adamw),
  add_forward: kernel(addForwardSource, addForward),
  average_weights: kernel(averageWeightsSource, averageWeights),
  avg_pool_backward: kernel(avgPoolBackwardSource, avgPoolBackward),
  avg_pool_forward: kernel(avgPoolForwardSource, avgPoolForward),
  channel_range: kernel(channelRangeSource, channelRange),
  channel_sums: kernel(channelSumsSource, channelSums),
  clear_extremes: kernel(clearExtremesSource, clearExtremes),
  clip_factor: kernel(clipFactorSource, clipFactor),
  clip_search: kernel(clipSearchSource, clipSearch),
  conv_backward_input: kernel(convBackwardInputSource, convBackwardInput),
  conv_backward_weight: kernel(convBackwardWeightSource, convBackwardWeight),
  conv_forward: kernel(convForwardSource, convForward),
  depthwise_backward_input: kernel(depthwiseBackwardInputSource, depthwiseBackwardInput),
  depthwise_backward_weight: kernel(depthwiseBackwardWeightSource, depthwiseBackwardWeight),
  depthwise_forward: kernel(depthwiseForwardSource, depthwiseForward),
  depthwise_weight_gradient: kernel(depthwiseWeightGradientSource, depthwiseWeightGradient),
  depthwise_weights: kernel(depthwiseWeightsSource, depthwiseWeights),
  dropout_backward: kernel(dropoutBackwardSource, dropoutBackward),
  dropout_forward: kernel(dropoutForwardSource, dropoutForward),
  dropout_range: kernel(dropoutRangeSource, dropoutRange),
  error_total: kernel(errorTotalSource, errorTotal),
  estimate: kernel(estimateSource, estimate),
  exchange_weights: kernel(exchangeWeightsSource, exchangeWeights),
  gradient_sum: kernel(gradientSumSource, gradientSum),
  hold: kernel(holdSource, hold),
  input: kernel(inputSource, input),
  max_pool_backward: kernel(maxPoolBackwardSource, maxPoolBackward),
  max_pool_forward: kernel(maxPoolForwardSource, maxPoolForward),
  norm_backward: kernel(normBackwardSource, normBackward),
  norm_backward_coefficients: kernel(normBackwardCoefficientsSource, normBackwardCoefficients),
  norm_backward_sums: kernel(normBackwardSumsSource, normBackwardSums),
  norm_coefficients: kernel(normCoefficientsSource, normCoefficients),
  norm_forward: kernel(normForwardSource, normForward),
  norm_frozen: kernel(normFrozenSource, normFrozen),
  pack_weights: kernel(packWeightsSource, packWeights),
  quantization_error: kernel(quantizationErrorSource, quantizationError),
  quantize_real: kernel(quantizeRealSource, quantizeReal),
  sgd: kernel(sgdSource, sgd),
  softmax_cross_entropy: kernel(softmaxCrossEntropySource, softmaxCrossEntropy),
  square_sums: kernel(squareSumsSource, squareSums),
  weight_gradient: kernel(weightGradientSource, weightGradient),
  weight_range: kernel(weightRangeSource, weightRange),
  weight_sums: kernel(weightSumsSource, weightSums),
};
