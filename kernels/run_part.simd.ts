// Written by `deno task simd` from the descriptors of kernels.

import { ActivationForward, Adamw, AddForward, AddGradients, AvgPoolBackward, AvgPoolForward, ChannelSums, ConvBackwardInput, ConvBackwardWeight, ConvForward, DepthwiseBackwardInput, DepthwiseBackwardWeight, DepthwiseForward, DropoutBackward, DropoutForward, GradientNormPartials, MaxPoolBackward, MaxPoolForward, NormBackward, NormBackwardCoefficients, NormBackwardSums, NormCoefficients, NormForward, NormRunningCoefficients, NormalizeInput, PackWeights, PerChannelWeightRange, QuantizationError, QuantizeDepthwiseWeights, QuantizeF32, ReduceDepthwiseWeightGradient, Sgd, SwapEma, UpdateEma, WeightSums } from "./include/records.simd";
import { activation_forward } from "./activation_forward/simd";
import { adamw } from "./adamw/simd";
import { add_forward } from "./add_forward/simd";
import { add_gradients } from "./add_gradients/simd";
import { avg_pool_backward } from "./avg_pool_backward/simd";
import { avg_pool_forward } from "./avg_pool_forward/simd";
import { channel_sums } from "./channel_sums/simd";
import { conv_backward_input } from "./conv_backward_input/simd";
import { conv_backward_weight } from "./conv_backward_weight/simd";
import { conv_forward } from "./conv_forward/simd";
import { depthwise_backward_input } from "./depthwise_backward_input/simd";
import { depthwise_backward_weight } from "./depthwise_backward_weight/simd";
import { depthwise_forward } from "./depthwise_forward/simd";
import { dropout_backward } from "./dropout_backward/simd";
import { dropout_forward } from "./dropout_forward/simd";
import { gradient_norm_partials } from "./gradient_norm_partials/simd";
import { max_pool_backward } from "./max_pool_backward/simd";
import { max_pool_forward } from "./max_pool_forward/simd";
import { norm_backward } from "./norm_backward/simd";
import { norm_backward_coefficients } from "./norm_backward_coefficients/simd";
import { norm_backward_sums } from "./norm_backward_sums/simd";
import { norm_coefficients } from "./norm_coefficients/simd";
import { norm_forward } from "./norm_forward/simd";
import { norm_running_coefficients } from "./norm_running_coefficients/simd";
import { normalize_input } from "./normalize_input/simd";
import { pack_weights } from "./pack_weights/simd";
import { per_channel_weight_range } from "./per_channel_weight_range/simd";
import { quantization_error } from "./quantization_error/simd";
import { quantize_depthwise_weights } from "./quantize_depthwise_weights/simd";
import { quantize_f32 } from "./quantize_f32/simd";
import { reduce_depthwise_weight_gradient } from "./reduce_depthwise_weight_gradient/simd";
import { sgd } from "./sgd/simd";
import { swap_ema } from "./swap_ema/simd";
import { update_ema } from "./update_ema/simd";
import { weight_sums } from "./weight_sums/simd";

export function runPart(
  kernel: i32,
  record: usize,
  phase: i32,
  part: i32,
  parts: i32,
  scratch: usize,
): void {
  switch (kernel) {
    case 0:
      activation_forward(changetype<ActivationForward>(record), phase, part, parts, scratch);
      break;
    case 1:
      adamw(changetype<Adamw>(record), phase, part, parts, scratch);
      break;
    case 2:
      add_forward(changetype<AddForward>(record), phase, part, parts, scratch);
      break;
    case 3:
      add_gradients(changetype<AddGradients>(record), phase, part, parts, scratch);
      break;
    case 4:
      avg_pool_backward(changetype<AvgPoolBackward>(record), phase, part, parts, scratch);
      break;
    case 5:
      avg_pool_forward(changetype<AvgPoolForward>(record), phase, part, parts, scratch);
      break;
    case 6:
      channel_sums(changetype<ChannelSums>(record), phase, part, parts, scratch);
      break;
    case 7:
      conv_backward_input(changetype<ConvBackwardInput>(record), phase, part, parts, scratch);
      break;
    case 8:
      conv_backward_weight(changetype<ConvBackwardWeight>(record), phase, part, parts, scratch);
      break;
    case 9:
      conv_forward(changetype<ConvForward>(record), phase, part, parts, scratch);
      break;
    case 10:
      depthwise_backward_input(changetype<DepthwiseBackwardInput>(record), phase, part, parts, scratch);
      break;
    case 11:
      depthwise_backward_weight(changetype<DepthwiseBackwardWeight>(record), phase, part, parts, scratch);
      break;
    case 12:
      depthwise_forward(changetype<DepthwiseForward>(record), phase, part, parts, scratch);
      break;
    case 13:
      dropout_backward(changetype<DropoutBackward>(record), phase, part, parts, scratch);
      break;
    case 14:
      dropout_forward(changetype<DropoutForward>(record), phase, part, parts, scratch);
      break;
    case 15:
      gradient_norm_partials(changetype<GradientNormPartials>(record), phase, part, parts, scratch);
      break;
    case 16:
      max_pool_backward(changetype<MaxPoolBackward>(record), phase, part, parts, scratch);
      break;
    case 17:
      max_pool_forward(changetype<MaxPoolForward>(record), phase, part, parts, scratch);
      break;
    case 18:
      norm_backward(changetype<NormBackward>(record), phase, part, parts, scratch);
      break;
    case 19:
      norm_backward_coefficients(changetype<NormBackwardCoefficients>(record), phase, part, parts, scratch);
      break;
    case 20:
      norm_backward_sums(changetype<NormBackwardSums>(record), phase, part, parts, scratch);
      break;
    case 21:
      norm_coefficients(changetype<NormCoefficients>(record), phase, part, parts, scratch);
      break;
    case 22:
      norm_forward(changetype<NormForward>(record), phase, part, parts, scratch);
      break;
    case 23:
      norm_running_coefficients(changetype<NormRunningCoefficients>(record), phase, part, parts, scratch);
      break;
    case 24:
      normalize_input(changetype<NormalizeInput>(record), phase, part, parts, scratch);
      break;
    case 25:
      pack_weights(changetype<PackWeights>(record), phase, part, parts, scratch);
      break;
    case 26:
      per_channel_weight_range(changetype<PerChannelWeightRange>(record), phase, part, parts, scratch);
      break;
    case 27:
      quantization_error(changetype<QuantizationError>(record), phase, part, parts, scratch);
      break;
    case 28:
      quantize_depthwise_weights(changetype<QuantizeDepthwiseWeights>(record), phase, part, parts, scratch);
      break;
    case 29:
      quantize_f32(changetype<QuantizeF32>(record), phase, part, parts, scratch);
      break;
    case 30:
      reduce_depthwise_weight_gradient(changetype<ReduceDepthwiseWeightGradient>(record), phase, part, parts, scratch);
      break;
    case 31:
      sgd(changetype<Sgd>(record), phase, part, parts, scratch);
      break;
    case 32:
      swap_ema(changetype<SwapEma>(record), phase, part, parts, scratch);
      break;
    case 33:
      update_ema(changetype<UpdateEma>(record), phase, part, parts, scratch);
      break;
    case 34:
      weight_sums(changetype<WeightSums>(record), phase, part, parts, scratch);
      break;
  }
}
