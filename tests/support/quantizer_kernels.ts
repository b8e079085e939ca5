/**
 * Kernels that belong to quantizers, which float32 has no use for.
 *
 * @module
 */

/** Sorted. */
export const QUANTIZER_KERNELS: readonly string[] = [
  "channel_range",
  "clear_extremes",
  "clip_search",
  "depthwise_weights",
  "dropout_range",
  "error_total",
  "estimate",
  "quantization_error",
  "quantize_real",
  "weight_range",
  "weight_sums",
];
