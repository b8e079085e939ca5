/**
 * `quantize`: what each field accepts, and its defaults.
 *
 * @module
 */
import { ESTIMATOR_DEFAULTS } from "../quant/estimators/mod.ts";
import { MAX_MEMORY } from "../quant/layouts.ts";
import { decay, flag, integer, map, word } from "./fields.ts";
import { checkQuantizeFields } from "./quantize_checks.ts";
import * as z from "./zod.ts";

const BITS = "a whole number from 2 to 8 (to 16 with arithmetic: simulated)";
const RANGE = "two numbers, [low, high], of which the first is smaller";

/** What says how a class of tensors is quantized, without defaults. */
const quantizing = (names: readonly string[]) => {
  const bits = z.int(BITS).min(2, BITS).max(16, BITS);
  const momentum = decay();
  const range = z.tuple([z.number(RANGE), z.number(RANGE)], RANGE)
    .refine(([low, high]) => low < high && Math.max(-low, high) <= 3e38, RANGE);
  const activations = {
    bits,
    estimator: word(...names),
    momentum,
    symmetric: flag(),
    window: integer(1, MAX_MEMORY),
    margin: integer(0, 8),
    interval: integer(1),
    range,
  };
  return {
    weights: {
      bits,
      estimator: word("current-minmax", "none"),
      per_channel: flag(),
    },
    activations,
    gradients: {
      ...activations,
      rounding: word("stochastic", "nearest"),
      scale_rate: flag(),
    },
  };
};

/** All fields of a map may be left out. */
const loose = <T extends z.ZodRawShape>(shape: T) =>
  map(
    Object.fromEntries(Object.entries(shape).map(([k, v]) => [k, z.exactOptional(v)])) as {
      [K in keyof T]: z.ZodExactOptional<T[K]>;
    },
  );

/**
 * `quantize`.
 *
 * @param names of estimators
 */
export const quantize = (names: readonly string[]) => {
  const { weights: w, activations: a, gradients: g } = quantizing(names);
  const both = {
    bits: a.bits.default(8),
    estimator: a.estimator.default("hindsight-minmax"),
    momentum: a.momentum.default(ESTIMATOR_DEFAULTS.momentum),
    symmetric: a.symmetric.default(false),
    window: a.window.default(ESTIMATOR_DEFAULTS.window),
    margin: a.margin.default(ESTIMATOR_DEFAULTS.margin),
    interval: a.interval.default(ESTIMATOR_DEFAULTS.interval),
    range: z.exactOptional(a.range),
  };
  return map({
    arithmetic: word("int8", "simulated", "float32").default("int8"),
    weights: map({
      bits: w.bits.default(8),
      estimator: w.estimator.default("current-minmax"),
      per_channel: w.per_channel.default(false),
    }).prefault({}),
    activations: map(both).prefault({}),
    gradients: map({
      ...both,
      rounding: g.rounding.default("stochastic"),
      scale_rate: g.scale_rate.default(ESTIMATOR_DEFAULTS.scale_rate),
    }).prefault({}),
    scheduler: word("host", "device", "auto").default("auto"),
    calibration_batches: integer(0).default(1),
    layers: z.array(
      map({
        match: z.string("the name of a layer, or a pattern such as conv*").min(1),
        weights: z.exactOptional(loose(w)),
        activations: z.exactOptional(loose(a)),
        gradients: z.exactOptional(loose(g)),
      }, "a map with match and what is different: weights, activations, gradients"),
      "a list of maps with match",
    ).default([]),
  }).check(({ value, issues }) => {
    for (const { path, message } of checkQuantizeFields(value)) {
      issues.push({ code: "custom", input: value, path: [...path], message });
    }
  });
};
