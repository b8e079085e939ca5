/**
 * Kernels that belong to quantizers, which float32 has no use for.
 *
 * @module
 */

/** Sorted. */
export const QUANTIZER_KERNELS: readonly string[] = [
  "per_channel_weight_range",
  "reset_statistics",
  "dsgc_search",
  "quantize_depthwise_weights",
  "dropout_quantizer",
  "reduce_quantization_error",
  "update_ranges",
  "quantization_error",
  "quantize_f32",
  "update_weight_ranges",
  "weight_sums",
];
