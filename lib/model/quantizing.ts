/**
 * How each tensor of a network is quantized: its class's settings in the recipe, and what
 * `quantize.layers` says of layers whose name matches.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import type { Quantizing } from "../ops/builder.ts";
import type { QuantizerSpec } from "../program.ts";
import { type EstimatorMakers, estimators } from "../quant/estimator.ts";
import { nearest } from "../recipe/nearest.ts";
import type { LayerQuantizeSpec, QuantizeSpec } from "../recipe/types.ts";

/** Whether a layer's name matches a pattern: `*` any letters, `?` one, `|` between patterns. */
export function matches(pattern: string, layer: string): boolean {
  return pattern.split("|").some((part) => {
    const escaped = part.trim().replace(/[.+^${}()[\]\\]/g, "\\$&");
    return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(layer);
  });
}

/**
 * The settings of every tensor.
 *
 * @param layers names of the network's layers, `input` for the images
 * @throws ModelError for a pattern that no layer matches
 */
export function quantizingOf(
  quantize: QuantizeSpec,
  layers: readonly string[],
  makers: EstimatorMakers = estimators,
): (role: QuantizerSpec["role"], layer: string) => Quantizing | undefined {
  quantize.layers.forEach(({ match }, i) => {
    if (layers.some((layer) => matches(match, layer))) return;
    const meant = nearest(match, layers);
    throw new ModelError(
      `quantize.layers.${i}.match: expected a pattern that matches a layer, got "${match}"` +
        `${meant ? ` (did you mean ${meant}?)` : ""}; layers are ${layers.join(", ")}`,
    );
  });
  if (quantize.arithmetic === "float32") return () => undefined;
  return (role, layer) => {
    const of = role === "input" ? "activations" : `${role}s` as keyof LayerQuantizeSpec;
    const settings = {
      ...DEFAULTS,
      ...quantize[of as "weights" | "activations" | "gradients"],
      ...Object.assign(
        {},
        ...quantize.layers.filter((o) => matches(o.match, layer)).map((o) => o[of] ?? {}),
      ),
    };
    if (settings.estimator === "none") return undefined;
    const { bits, symmetric, rounding, per_channel, ...estimator } = settings;
    return {
      bits,
      symmetric: role === "weight" || symmetric,
      stochastic: role === "gradient" && rounding === "stochastic",
      perChannel: per_channel,
      settings: estimator,
      dynamic: role !== "weight" && makers[estimator.estimator]!(estimator).kind === "dynamic",
    };
  };
}

/** What a class of tensors does not have. */
const DEFAULTS = {
  symmetric: false,
  rounding: "nearest",
  per_channel: false,
  window: 16,
  margin: 0,
  interval: 100,
  scale_rate: false,
} as const;
