// Written by `deno task simd` from the descriptors of kernels.

import { Adamw, ChannelSums, ConvBackwardInput, ConvBackwardWeight, ConvForward, GradientNormPartials, NormBackward, NormBackwardCoefficients, NormBackwardSums, NormCoefficients, NormForward, NormRunningCoefficients, NormalizeInput, PackWeights, PerChannelWeightRange, QuantizationError, QuantizeDepthwiseWeights, QuantizeF32, ReduceDepthwiseWeightGradient, ReduceWeightGradient, Sgd, SwapEma, UpdateEma, WeightSums } from "./include/records.simd";
import { adamw } from "./adamw/simd";
import { channel_sums } from "./channel_sums/simd";
import { conv_backward_input } from "./conv_backward_input/simd";
import { conv_backward_weight } from "./conv_backward_weight/simd";
import { conv_forward } from "./conv_forward/simd";
import { gradient_norm_partials } from "./gradient_norm_partials/simd";
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
import { reduce_weight_gradient } from "./reduce_weight_gradient/simd";
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
      adamw(changetype<Adamw>(record), phase, part, parts, scratch);
      break;
    case 1:
      channel_sums(changetype<ChannelSums>(record), phase, part, parts, scratch);
      break;
    case 2:
      conv_backward_input(changetype<ConvBackwardInput>(record), phase, part, parts, scratch);
      break;
    case 3:
      conv_backward_weight(changetype<ConvBackwardWeight>(record), phase, part, parts, scratch);
      break;
    case 4:
      conv_forward(changetype<ConvForward>(record), phase, part, parts, scratch);
      break;
    case 5:
      gradient_norm_partials(changetype<GradientNormPartials>(record), phase, part, parts, scratch);
      break;
    case 6:
      norm_backward(changetype<NormBackward>(record), phase, part, parts, scratch);
      break;
    case 7:
      norm_backward_coefficients(changetype<NormBackwardCoefficients>(record), phase, part, parts, scratch);
      break;
    case 8:
      norm_backward_sums(changetype<NormBackwardSums>(record), phase, part, parts, scratch);
      break;
    case 9:
      norm_coefficients(changetype<NormCoefficients>(record), phase, part, parts, scratch);
      break;
    case 10:
      norm_forward(changetype<NormForward>(record), phase, part, parts, scratch);
      break;
    case 11:
      norm_running_coefficients(changetype<NormRunningCoefficients>(record), phase, part, parts, scratch);
      break;
    case 12:
      normalize_input(changetype<NormalizeInput>(record), phase, part, parts, scratch);
      break;
    case 13:
      pack_weights(changetype<PackWeights>(record), phase, part, parts, scratch);
      break;
    case 14:
      per_channel_weight_range(changetype<PerChannelWeightRange>(record), phase, part, parts, scratch);
      break;
    case 15:
      quantization_error(changetype<QuantizationError>(record), phase, part, parts, scratch);
      break;
    case 16:
      quantize_depthwise_weights(changetype<QuantizeDepthwiseWeights>(record), phase, part, parts, scratch);
      break;
    case 17:
      quantize_f32(changetype<QuantizeF32>(record), phase, part, parts, scratch);
      break;
    case 18:
      reduce_depthwise_weight_gradient(changetype<ReduceDepthwiseWeightGradient>(record), phase, part, parts, scratch);
      break;
    case 19:
      reduce_weight_gradient(changetype<ReduceWeightGradient>(record), phase, part, parts, scratch);
      break;
    case 20:
      sgd(changetype<Sgd>(record), phase, part, parts, scratch);
      break;
    case 21:
      swap_ema(changetype<SwapEma>(record), phase, part, parts, scratch);
      break;
    case 22:
      update_ema(changetype<UpdateEma>(record), phase, part, parts, scratch);
      break;
    case 23:
      weight_sums(changetype<WeightSums>(record), phase, part, parts, scratch);
      break;
  }
}
