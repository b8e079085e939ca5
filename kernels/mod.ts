/**
 * All kernels. To add one, add a folder beside this file and a line here.
 *
 * @module
 */
import type { Kernel } from "./define_kernel.ts";
import { activationForward } from "./activation_forward/kernel.ts";
import { adamw } from "./adamw/kernel.ts";
import { addForward } from "./add_forward/kernel.ts";
import { addGradients } from "./add_gradients/kernel.ts";
import { avgPoolBackward } from "./avg_pool_backward/kernel.ts";
import { avgPoolForward } from "./avg_pool_forward/kernel.ts";
import { channelSums } from "./channel_sums/kernel.ts";
import { checkFinite } from "./check_finite/kernel.ts";
import { convBackwardInput } from "./conv_backward_input/kernel.ts";
import { convBackwardWeight } from "./conv_backward_weight/kernel.ts";
import { convForward } from "./conv_forward/kernel.ts";
import { depthwiseBackwardInput } from "./depthwise_backward_input/kernel.ts";
import { depthwiseBackwardWeight } from "./depthwise_backward_weight/kernel.ts";
import { depthwiseForward } from "./depthwise_forward/kernel.ts";
import { dropoutBackward } from "./dropout_backward/kernel.ts";
import { dropoutForward } from "./dropout_forward/kernel.ts";
import { dropoutQuantizer } from "./dropout_quantizer/kernel.ts";
import { dsgcSearch } from "./dsgc_search/kernel.ts";
import { gradientClipScale } from "./gradient_clip_scale/kernel.ts";
import { gradientNormPartials } from "./gradient_norm_partials/kernel.ts";
import { maxPoolBackward } from "./max_pool_backward/kernel.ts";
import { maxPoolForward } from "./max_pool_forward/kernel.ts";
import { normBackward } from "./norm_backward/kernel.ts";
import { normBackwardCoefficients } from "./norm_backward_coefficients/kernel.ts";
import { normBackwardSums } from "./norm_backward_sums/kernel.ts";
import { normCoefficients } from "./norm_coefficients/kernel.ts";
import { normForward } from "./norm_forward/kernel.ts";
import { normRunningCoefficients } from "./norm_running_coefficients/kernel.ts";
import { normalizeInput } from "./normalize_input/kernel.ts";
import { packWeights } from "./pack_weights/kernel.ts";
import { perChannelWeightRange } from "./per_channel_weight_range/kernel.ts";
import { quantizationError } from "./quantization_error/kernel.ts";
import { quantizeDepthwiseWeights } from "./quantize_depthwise_weights/kernel.ts";
import { quantizeF32 } from "./quantize_f32/kernel.ts";
import { reduceDepthwiseWeightGradient } from "./reduce_depthwise_weight_gradient/kernel.ts";
import { reduceQuantizationError } from "./reduce_quantization_error/kernel.ts";
import { resetStatistics } from "./reset_statistics/kernel.ts";
import { sgd } from "./sgd/kernel.ts";
import { softmaxCrossEntropy } from "./softmax_cross_entropy/kernel.ts";
import { swapEma } from "./swap_ema/kernel.ts";
import { updateEma } from "./update_ema/kernel.ts";
import { updateRanges } from "./update_ranges/kernel.ts";
import { updateWeightRanges } from "./update_weight_ranges/kernel.ts";
import { weightSums } from "./weight_sums/kernel.ts";

/** All kernels by name. */
export const kernels: ReadonlyMap<string, Kernel> = new Map(
  [
    activationForward,
    adamw,
    addForward,
    addGradients,
    avgPoolBackward,
    avgPoolForward,
    channelSums,
    checkFinite,
    convBackwardInput,
    convBackwardWeight,
    convForward,
    depthwiseBackwardInput,
    depthwiseBackwardWeight,
    depthwiseForward,
    dropoutBackward,
    dropoutForward,
    dropoutQuantizer,
    dsgcSearch,
    gradientClipScale,
    gradientNormPartials,
    maxPoolBackward,
    maxPoolForward,
    normBackward,
    normBackwardCoefficients,
    normBackwardSums,
    normCoefficients,
    normForward,
    normRunningCoefficients,
    normalizeInput,
    packWeights,
    perChannelWeightRange,
    quantizationError,
    quantizeDepthwiseWeights,
    quantizeF32,
    reduceDepthwiseWeightGradient,
    reduceQuantizationError,
    resetStatistics,
    sgd,
    softmaxCrossEntropy,
    swapEma,
    updateEma,
    updateRanges,
    updateWeightRanges,
    weightSums,
  ].map((kernel: Kernel) => [kernel.name, kernel]),
);

/** The kernels that have a SIMD form; the compiled module knows them by their index. */
export const simdKernels: readonly Kernel[] = [...kernels.values()].filter(({ simd }) => simd);
