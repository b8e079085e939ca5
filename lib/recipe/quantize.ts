/**
 * `quantize`: arithmetic and ranges. What each field accepts, its defaults, and what does not fit
 * together.
 *
 * @module
 */
import { ESTIMATOR_DEFAULTS } from "../quant/estimators/mod.ts";
import { MAX_MEMORY } from "../quant/layouts.ts";
import { decay, flag, integer, map, word } from "./fields.ts";
import * as z from "./zod.ts";

/** How weights are quantized: symmetric, to nearest. */
export interface WeightsSpec {
  /** Bits of a code. */
  readonly bits: number;
  /** `none` (`simulated` only): not quantized. */
  readonly estimator: "current-minmax" | "none";
  /** A range for each output channel; in `int8` for depthwise layers only. */
  readonly per_channel: boolean;
}

/** How activations are quantized. */
export interface ActivationsSpec {
  /** Bits of a code. */
  readonly bits: number;
  /** What sets the range. */
  readonly estimator: string;
  /** η: the share of the old range that an average keeps. */
  readonly momentum: number;
  /** Zero point 0, equal bounds on both sides. */
  readonly symmetric: boolean;
  /** `delayed-max`: iterations it looks back over. */
  readonly window: number;
  /** `delayed-max`: powers of two of headroom. */
  readonly margin: number;
  /** `dsgc`: iterations between two searches. */
  readonly interval: number;
  /** `fixed`: the range. */
  readonly range?: readonly [low: number, high: number];
}

/** How gradients are quantized. */
export interface GradientsSpec extends ActivationsSpec {
  /** How a gradient becomes a code. */
  readonly rounding: "stochastic" | "nearest";
  /** `dsgc`: multiplies a layer's learning rate by max(exp(−20 · cosine distance), 0.1). */
  readonly scale_rate: boolean;
}

/** Other settings for the layers that a pattern matches. */
export interface LayerQuantizeSpec {
  /** Names of layers (`input`: the images) with `*` and `?`; `|` between patterns. */
  readonly match: string;
  /** Settings of their weights that differ. */
  readonly weights?: Partial<WeightsSpec>;
  /** Settings of their outputs that differ. */
  readonly activations?: Partial<ActivationsSpec>;
  /** Settings of the gradients of their outputs that differ. */
  readonly gradients?: Partial<GradientsSpec>;
}

/** What is quantized, how, and who sets the ranges. `float32` ignores all but `arithmetic`. */
export interface QuantizeSpec {
  /**
   * `int8`: codes in memory; `simulated`: f32 rounded at the same points; `float32`: no quantizers, and
   * everything else here is ignored.
   */
  readonly arithmetic: "int8" | "simulated" | "float32";
  /** Quantizers of the weights. */
  readonly weights: WeightsSpec;
  /** Quantizers of layers' outputs. */
  readonly activations: ActivationsSpec;
  /** Quantizers of the gradients of activations. */
  readonly gradients: GradientsSpec;
  /** Who sets the next ranges; `auto`: the device where it has the rules. */
  readonly scheduler: "host" | "device" | "auto";
  /** Batches that set the first ranges. */
  readonly calibration_batches: number;
  /**
   * `match` (names of layers with `*`, `?`, `|`) and other `weights`, `activations`, `gradients`.
   */
  readonly layers: readonly LayerQuantizeSpec[];
}

/** What is wrong: where, and what was expected there. */
interface Misfit {
  /** Below `quantize`. */
  readonly path: readonly (string | number)[];
  /** What a right value looks like. */
  readonly message: string;
}

const CLASSES = ["weights", "activations", "gradients"] as const;

/** All that does not fit. */
function checkQuantizeFields(q: QuantizeSpec): Misfit[] {
  const found: Misfit[] = [];
  const add = (path: Misfit["path"], message: string) => void found.push({ path, message });
  if (q.arithmetic === "float32") return found; // It ignores the rest.
  const int8 = q.arithmetic === "int8";
  for (const name of CLASSES) {
    const maps = [
      { path: [name], own: q[name] as Settings },
      ...q.layers.flatMap((layer, i) =>
        layer[name] ? [{ path: ["layers", i, name], own: layer[name] as Settings }] : []
      ),
    ];
    for (const { path, own } of maps) {
      if (path.length === 1 && own.estimator === "fixed" && !own.range) {
        add([...path, "range"], "[low, high], as the estimator is fixed");
      }
      if (!int8) continue;
      if ((own.bits ?? 0) > 8) {
        add([...path, "bits"], "at most 8 with arithmetic: int8; more bits need simulated");
      }
      if (own.estimator === "none") {
        add(
          [...path, "estimator"],
          `an estimator, as int8 quantizes every class of tensors; to leave ${name} as they are, ` +
            "use arithmetic: simulated",
        );
      }
    }
  }
  return found;
}

interface Settings {
  readonly bits?: number;
  readonly estimator?: string;
  readonly range?: readonly number[];
}

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
