/**
 * `dsgc`: direction-sensitive gradient clipping (Zhu et al., CVPR 2020). The clip c that minimises the
 * cosine distance between a tensor and its quantized self, searched on the device
 * (kernels/dsgc_search) every `interval` steps; between two searches the range stays.
 *
 * With `scale_rate` the learning rate of the layer is times max(exp(−20·distance), 0.1).
 *
 * @module
 */
import { type EstimatorDefinition, extremes } from "../estimator.ts";

/** See the module's text. */
export const definition: EstimatorDefinition = {
  description:
    "the clip that best keeps the tensor's direction, searched every `interval` iterations; `scale_rate`",
  defaults: { interval: 100, scale_rate: false },
  label: ({ interval, scale_rate }) =>
    ` every ${interval} steps${scale_rate ? ", scales the rate" : ""}`,
  widen: { verb: "lower", setting: "interval" },
  make: ({ interval, scale_rate }) => ({
    kind: "static",
    memory: 1, // The factor of the learning rate.
    search: { interval, scaleRate: scale_rate },
    // A first range (calibration): the extremes, until the first search.
    next: (range, seen) => range ?? extremes(seen),
  }),
};
