/**
 * Quantizers of a network's tensors: the recipe's settings for weights, activations or gradients,
 * overridden by the entries of `quantize.layers` that match the layer's name.
 *
 * @module
 */
import { ModelError } from "../core/errors.ts";
import { describe } from "../recipe/recipe_errors.ts";
import type { QuantizerSettings } from "./builder.ts";
import type { QuantizerSpec } from "../quant/quantizer.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { ESTIMATOR_DEFAULTS, estimators } from "../quant/estimators/mod.ts";
import { nearest } from "../core/did_you_mean.ts";
import type { QuantizeSpec } from "../recipe/quantize.ts";

/** Returns whether a layer's name matches a pattern: `*` any letters, `?` one, `|` between patterns. */
export function matches(pattern: string, layer: string): boolean {
  return pattern.split("|").some((part) => {
    const escaped = part.trim().replace(/[.+^${}()[\]\\]/g, "\\$&");
    return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(layer);
  });
}

type Class = "weights" | "activations" | "gradients";

const classOf = (role: QuantizerSpec["role"]): Class =>
  role === "input" ? "activations" : `${role}s`;

/** Returns the quantizers of one network's tensors. */
export class QuantizerConfig {
  /** Entries of `quantize.layers` that applied to a tensor. */
  readonly #used = new Set<string>();

  /**
   * @param layers names of the network's layers, `input` for the images
   * @throws ModelError for a pattern that no layer matches
   */
  constructor(
    readonly quantize: QuantizeSpec,
    layers: readonly string[],
    readonly makers: EstimatorMakers = estimators,
  ) {
    quantize.layers.forEach(({ match }, i) => {
      if (layers.some((layer) => matches(match, layer))) return;
      const meant = nearest(match, layers);
      throw new ModelError(
        `quantize.layers.${i}.match: expected a pattern that matches a layer, got "${match}"` +
          `${meant ? ` (did you mean ${meant}?)` : ""}; layers are ${layers.join(", ")}`,
      );
    });
  }

  /**
   * Returns the quantizer of a layer's tensor; `undefined` if it is not quantized.
   *
   * @throws ModelError for settings that contradict each other, or an estimator without a rule
   */
  of(role: QuantizerSpec["role"], layer: string): QuantizerSettings | undefined {
    const { quantize } = this, name = classOf(role);
    if (quantize.arithmetic === "float32") return undefined;
    const settings = { ...DEFAULTS, ...quantize[name] };
    quantize.layers.forEach((entry, i) => {
      if (!entry[name] || !matches(entry.match, layer)) return;
      this.#used.add(`${i}.${name}`);
      Object.assign(settings, entry[name]);
    });
    if (settings.estimator === "none") return undefined;
    const { bits, symmetric, rounding, per_channel, ...estimator } = settings;
    if (role === "weight") {
      const more = { stochastic: false, perChannel: per_channel, settings: estimator };
      return { bits, symmetric: true, dynamic: false, ...more };
    }
    if (role === "input") {
      // The normalization fixes its range, whatever estimator activations have.
      const settings = { ...estimator, estimator: "fixed" };
      return {
        bits,
        symmetric: false,
        dynamic: false,
        stochastic: false,
        perChannel: false,
        settings,
      };
    }
    if (estimator.estimator === "fixed" && !estimator.range) {
      throw new ModelError(
        `quantize.layers: layer ${layer}, ${name}: expected range: [low, high] with the estimator ` +
          "fixed, got none",
      );
    }
    const make = this.makers[estimator.estimator];
    if (!make) {
      throw new ModelError(
        `layer ${layer}, ${name}: expected an estimator with a rule, got ${estimator.estimator}; ` +
          "give its rule as an option: { estimators: { … } }",
      );
    }
    const { kind, search } = make(estimator);
    return {
      bits,
      symmetric,
      stochastic: rounding === "stochastic",
      perChannel: false,
      settings: estimator,
      dynamic: kind === "dynamic",
      ...(search ? { search } : {}),
    };
  }

  /** @throws ModelError for an entry with settings that apply to no tensor */
  checkUsed(): void {
    if (this.quantize.arithmetic === "float32") return;
    this.quantize.layers.forEach((entry, i) => {
      for (const name of ["weights", "activations", "gradients"] as const) {
        if (!entry[name] || this.#used.has(`${i}.${name}`)) continue;
        throw new ModelError(
          `quantize.layers.${i}.${name}: expected a layer with ${name} that are quantized on their ` +
            `own, got none among those that ${describe(entry.match)} matches; ${WHY[name]}`,
        );
      }
    });
  }
}

const WHY: Readonly<Record<Class, string>> = {
  weights: "convolutions and linear layers have weights",
  activations: "the scores of the last layer stay float32, and max pooling and dropout copy codes",
  gradients:
    "an addition or activation passes its gradient on unchanged, and there is none below " +
    "the first layer that trains",
};

/** Defaults of settings that only some of weights, activations and gradients have in a recipe. */
const DEFAULTS = {
  symmetric: false,
  rounding: "nearest",
  per_channel: false,
  ...ESTIMATOR_DEFAULTS,
} as const;
