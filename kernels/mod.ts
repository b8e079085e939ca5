/**
 * Every kernel by name: its WGSL template and its reference on the CPU. Adding one means a file in
 * kernels/, one of the same name in lib/reference/, and a line here.
 *
 * @module
 */
import activationForwardSource from "./activation_forward/shader.wgsl" with { type: "text" };
import adamwSource from "./adamw/shader.wgsl" with { type: "text" };
import addForwardSource from "./add_forward/shader.wgsl" with { type: "text" };
import updateEmaSource from "./update_ema/shader.wgsl" with { type: "text" };
import avgPoolBackwardSource from "./avg_pool_backward/shader.wgsl" with { type: "text" };
import avgPoolForwardSource from "./avg_pool_forward/shader.wgsl" with { type: "text" };
import perChannelWeightRangeSource from "./per_channel_weight_range/shader.wgsl" with {
  type: "text",
};
import channelSumsSource from "./channel_sums/shader.wgsl" with { type: "text" };
import resetStatisticsSource from "./reset_statistics/shader.wgsl" with { type: "text" };
import gradientClipScaleSource from "./gradient_clip_scale/shader.wgsl" with { type: "text" };
import dsgcSearchSource from "./dsgc_search/shader.wgsl" with { type: "text" };
import convBackwardInputSource from "./conv_backward_input/shader.wgsl" with { type: "text" };
import convBackwardWeightSource from "./conv_backward_weight/shader.wgsl" with {
  type: "text",
};
import convForwardSource from "./conv_forward/shader.wgsl" with { type: "text" };
import depthwiseBackwardInputSource from "./depthwise_backward_input/shader.wgsl" with {
  type: "text",
};
import depthwiseBackwardWeightSource from "./depthwise_backward_weight/shader.wgsl" with {
  type: "text",
};
import depthwiseForwardSource from "./depthwise_forward/shader.wgsl" with { type: "text" };
import reduceDepthwiseWeightGradientSource from "./reduce_depthwise_weight_gradient/shader.wgsl" with {
  type: "text",
};
import quantizeDepthwiseWeightsSource from "./quantize_depthwise_weights/shader.wgsl" with {
  type: "text",
};
import dropoutBackwardSource from "./dropout_backward/shader.wgsl" with { type: "text" };
import dropoutForwardSource from "./dropout_forward/shader.wgsl" with { type: "text" };
import dropoutQuantizerSource from "./dropout_quantizer/shader.wgsl" with { type: "text" };
import reduceQuantizationErrorSource from "./reduce_quantization_error/shader.wgsl" with {
  type: "text",
};
import updateRangesSource from "./update_ranges/shader.wgsl" with { type: "text" };
import swapEmaSource from "./swap_ema/shader.wgsl" with { type: "text" };
import addGradientsSource from "./add_gradients/shader.wgsl" with { type: "text" };
import checkFiniteSource from "./check_finite/shader.wgsl" with { type: "text" };
import normalizeInputSource from "./normalize_input/shader.wgsl" with { type: "text" };
import maxPoolBackwardSource from "./max_pool_backward/shader.wgsl" with { type: "text" };
import maxPoolForwardSource from "./max_pool_forward/shader.wgsl" with { type: "text" };
import normBackwardSource from "./norm_backward/shader.wgsl" with { type: "text" };
import normBackwardCoefficientsSource from "./norm_backward_coefficients/shader.wgsl" with {
  type: "text",
};
import normBackwardSumsSource from "./norm_backward_sums/shader.wgsl" with { type: "text" };
import normCoefficientsSource from "./norm_coefficients/shader.wgsl" with { type: "text" };
import normForwardSource from "./norm_forward/shader.wgsl" with { type: "text" };
import normRunningCoefficientsSource from "./norm_running_coefficients/shader.wgsl" with {
  type: "text",
};
import packWeightsSource from "./pack_weights/shader.wgsl" with { type: "text" };
import quantizationErrorSource from "./quantization_error/shader.wgsl" with { type: "text" };
import quantizeF32Source from "./quantize_f32/shader.wgsl" with { type: "text" };
import sgdSource from "./sgd/shader.wgsl" with { type: "text" };
import softmaxCrossEntropySource from "./softmax_cross_entropy/shader.wgsl" with {
  type: "text",
};
import gradientNormPartialsSource from "./gradient_norm_partials/shader.wgsl" with { type: "text" };
import reduceWeightGradientSource from "./reduce_weight_gradient/shader.wgsl" with { type: "text" };
import updateWeightRangesSource from "./update_weight_ranges/shader.wgsl" with { type: "text" };
import weightSumsSource from "./weight_sums/shader.wgsl" with { type: "text" };
import depthwiseInclude from "./include/depthwise.wgsl" with { type: "text" };
import dropoutInclude from "./include/dropout.wgsl" with { type: "text" };
import finiteInclude from "./include/finite.wgsl" with { type: "text" };
import gradientInclude from "./include/gradient.wgsl" with { type: "text" };
import int64Include from "./include/int64.wgsl" with { type: "text" };
import normInclude from "./include/norm.wgsl" with { type: "text" };
import placeInclude from "./include/place.wgsl" with { type: "text" };
import quadInclude from "./include/quad.wgsl" with { type: "text" };
import quantizeInclude from "./include/quantize.wgsl" with { type: "text" };
import rangeInclude from "./include/range.wgsl" with { type: "text" };
import storeWideInclude from "./include/store_wide.wgsl" with { type: "text" };
import { activationForward } from "./activation_forward/reference.ts";
import { adamw } from "./adamw/reference.ts";
import { addForward } from "./add_forward/reference.ts";
import { updateEma } from "./update_ema/reference.ts";
import { avgPoolBackward } from "./avg_pool_backward/reference.ts";
import { avgPoolForward } from "./avg_pool_forward/reference.ts";
import { perChannelWeightRange } from "./per_channel_weight_range/reference.ts";
import { channelSums } from "./channel_sums/reference.ts";
import { resetStatistics } from "./reset_statistics/reference.ts";
import { gradientClipScale } from "./gradient_clip_scale/reference.ts";
import { dsgcSearch } from "./dsgc_search/reference.ts";
import { convBackwardInput } from "./conv_backward_input/reference.ts";
import { convBackwardWeight } from "./conv_backward_weight/reference.ts";
import { convForward } from "./conv_forward/reference.ts";
import { depthwiseBackwardInput } from "./depthwise_backward_input/reference.ts";
import { depthwiseBackwardWeight } from "./depthwise_backward_weight/reference.ts";
import { depthwiseForward } from "./depthwise_forward/reference.ts";
import { reduceDepthwiseWeightGradient } from "./reduce_depthwise_weight_gradient/reference.ts";
import { quantizeDepthwiseWeights } from "./quantize_depthwise_weights/reference.ts";
import { dropoutBackward } from "./dropout_backward/reference.ts";
import { dropoutForward } from "./dropout_forward/reference.ts";
import { dropoutQuantizer } from "./dropout_quantizer/reference.ts";
import { reduceQuantizationError } from "./reduce_quantization_error/reference.ts";
import { updateRanges } from "./update_ranges/reference.ts";
import { swapEma } from "./swap_ema/reference.ts";
import { addGradients } from "./add_gradients/reference.ts";
import { checkFinite } from "./check_finite/reference.ts";
import { normalizeInput } from "./normalize_input/reference.ts";
import { maxPoolBackward } from "./max_pool_backward/reference.ts";
import { maxPoolForward } from "./max_pool_forward/reference.ts";
import { normBackward } from "./norm_backward/reference.ts";
import { normBackwardCoefficients } from "./norm_backward_coefficients/reference.ts";
import { normBackwardSums } from "./norm_backward_sums/reference.ts";
import { normCoefficients } from "./norm_coefficients/reference.ts";
import { normForward } from "./norm_forward/reference.ts";
import { normRunningCoefficients } from "./norm_running_coefficients/reference.ts";
import { packWeights } from "./pack_weights/reference.ts";
import { quantizationError } from "./quantization_error/reference.ts";
import { quantizeF32 } from "./quantize_f32/reference.ts";
import { sgd } from "./sgd/reference.ts";
import { softmaxCrossEntropy } from "./softmax_cross_entropy/reference.ts";
import { gradientNormPartials } from "./gradient_norm_partials/reference.ts";
import { reduceWeightGradient } from "./reduce_weight_gradient/reference.ts";
import { updateWeightRanges } from "./update_weight_ranges/reference.ts";
import { weightSums } from "./weight_sums/reference.ts";
import type { Constants } from "../lib/program/program.ts";
import type { HostBuffer } from "./include/host_buffer.ts";

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
  update_ema: kernel(updateEmaSource, updateEma),
  avg_pool_backward: kernel(avgPoolBackwardSource, avgPoolBackward),
  avg_pool_forward: kernel(avgPoolForwardSource, avgPoolForward),
  per_channel_weight_range: kernel(perChannelWeightRangeSource, perChannelWeightRange),
  channel_sums: kernel(channelSumsSource, channelSums),
  reset_statistics: kernel(resetStatisticsSource, resetStatistics),
  gradient_clip_scale: kernel(gradientClipScaleSource, gradientClipScale),
  dsgc_search: kernel(dsgcSearchSource, dsgcSearch),
  conv_backward_input: kernel(convBackwardInputSource, convBackwardInput),
  conv_backward_weight: kernel(convBackwardWeightSource, convBackwardWeight),
  conv_forward: kernel(convForwardSource, convForward),
  depthwise_backward_input: kernel(depthwiseBackwardInputSource, depthwiseBackwardInput),
  depthwise_backward_weight: kernel(depthwiseBackwardWeightSource, depthwiseBackwardWeight),
  depthwise_forward: kernel(depthwiseForwardSource, depthwiseForward),
  reduce_depthwise_weight_gradient: kernel(
    reduceDepthwiseWeightGradientSource,
    reduceDepthwiseWeightGradient,
  ),
  quantize_depthwise_weights: kernel(quantizeDepthwiseWeightsSource, quantizeDepthwiseWeights),
  dropout_backward: kernel(dropoutBackwardSource, dropoutBackward),
  dropout_forward: kernel(dropoutForwardSource, dropoutForward),
  dropout_quantizer: kernel(dropoutQuantizerSource, dropoutQuantizer),
  reduce_quantization_error: kernel(reduceQuantizationErrorSource, reduceQuantizationError),
  update_ranges: kernel(updateRangesSource, updateRanges),
  swap_ema: kernel(swapEmaSource, swapEma),
  add_gradients: kernel(addGradientsSource, addGradients),
  check_finite: kernel(checkFiniteSource, checkFinite),
  normalize_input: kernel(normalizeInputSource, normalizeInput),
  max_pool_backward: kernel(maxPoolBackwardSource, maxPoolBackward),
  max_pool_forward: kernel(maxPoolForwardSource, maxPoolForward),
  norm_backward: kernel(normBackwardSource, normBackward),
  norm_backward_coefficients: kernel(normBackwardCoefficientsSource, normBackwardCoefficients),
  norm_backward_sums: kernel(normBackwardSumsSource, normBackwardSums),
  norm_coefficients: kernel(normCoefficientsSource, normCoefficients),
  norm_forward: kernel(normForwardSource, normForward),
  norm_running_coefficients: kernel(normRunningCoefficientsSource, normRunningCoefficients),
  pack_weights: kernel(packWeightsSource, packWeights),
  quantization_error: kernel(quantizationErrorSource, quantizationError),
  quantize_f32: kernel(quantizeF32Source, quantizeF32),
  sgd: kernel(sgdSource, sgd),
  softmax_cross_entropy: kernel(softmaxCrossEntropySource, softmaxCrossEntropy),
  gradient_norm_partials: kernel(gradientNormPartialsSource, gradientNormPartials),
  reduce_weight_gradient: kernel(reduceWeightGradientSource, reduceWeightGradient),
  update_weight_ranges: kernel(updateWeightRangesSource, updateWeightRanges),
  weight_sums: kernel(weightSumsSource, weightSums),
};
