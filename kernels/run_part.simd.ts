// Written by `deno task simd` from the descriptors of kernels.

import { ChannelSums, ConvBackwardInput, ConvBackwardWeight, ConvForward, NormBackward, NormBackwardCoefficients, NormBackwardSums, NormCoefficients, NormForward, NormRunningCoefficients, NormalizeInput, PackWeights, ReduceWeightGradient, WeightSums } from "./include/records.simd";
import { channel_sums } from "./channel_sums/simd";
import { conv_backward_input } from "./conv_backward_input/simd";
import { conv_backward_weight } from "./conv_backward_weight/simd";
import { conv_forward } from "./conv_forward/simd";
import { norm_backward } from "./norm_backward/simd";
import { norm_backward_coefficients } from "./norm_backward_coefficients/simd";
import { norm_backward_sums } from "./norm_backward_sums/simd";
import { norm_coefficients } from "./norm_coefficients/simd";
import { norm_forward } from "./norm_forward/simd";
import { norm_running_coefficients } from "./norm_running_coefficients/simd";
import { normalize_input } from "./normalize_input/simd";
import { pack_weights } from "./pack_weights/simd";
import { reduce_weight_gradient } from "./reduce_weight_gradient/simd";
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
      channel_sums(changetype<ChannelSums>(record), phase, part, parts, scratch);
      break;
    case 1:
      conv_backward_input(changetype<ConvBackwardInput>(record), phase, part, parts, scratch);
      break;
    case 2:
      conv_backward_weight(changetype<ConvBackwardWeight>(record), phase, part, parts, scratch);
      break;
    case 3:
      conv_forward(changetype<ConvForward>(record), phase, part, parts, scratch);
      break;
    case 4:
      norm_backward(changetype<NormBackward>(record), phase, part, parts, scratch);
      break;
    case 5:
      norm_backward_coefficients(changetype<NormBackwardCoefficients>(record), phase, part, parts, scratch);
      break;
    case 6:
      norm_backward_sums(changetype<NormBackwardSums>(record), phase, part, parts, scratch);
      break;
    case 7:
      norm_coefficients(changetype<NormCoefficients>(record), phase, part, parts, scratch);
      break;
    case 8:
      norm_forward(changetype<NormForward>(record), phase, part, parts, scratch);
      break;
    case 9:
      norm_running_coefficients(changetype<NormRunningCoefficients>(record), phase, part, parts, scratch);
      break;
    case 10:
      normalize_input(changetype<NormalizeInput>(record), phase, part, parts, scratch);
      break;
    case 11:
      pack_weights(changetype<PackWeights>(record), phase, part, parts, scratch);
      break;
    case 12:
      reduce_weight_gradient(changetype<ReduceWeightGradient>(record), phase, part, parts, scratch);
      break;
    case 13:
      weight_sums(changetype<WeightSums>(record), phase, part, parts, scratch);
      break;
  }
}
