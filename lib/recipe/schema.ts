// deno-lint-ignore-file no-import-prefix -- an import map does not apply to what is imported by URL
/**
 * The shape of a recipe: which keys there are, what each accepts, and every default. The message
 * of each rule is only what was *expected*; `load.ts` adds the place and what was found there.
 *
 * @module
 */

import * as z from "npm:zod@4.6.7";
import { MOST_MEMORY } from "../quant/estimator.ts";
import { estimators } from "../quant/estimators.ts";
import { dataMisfits, FORMATS } from "./data_misfits.ts";
import { misfits } from "./misfits.ts";
import { type Problem, toProblems } from "./problems.ts";
import type { LayerSpec, Pair, Recipe, ZooName } from "./types.ts";

/** Layer sizes, kernels and image sizes: what a sane network stays below. */
const LARGEST = 65536;

const oneOf = (words: readonly string[]): string =>
  words.length === 1 ? words[0]! : `one of ${words.join(", ")}`;

/** One of a few words. */
const word = <const T extends readonly string[]>(...words: T) => z.enum(words, oneOf(words));

const whole = (least: number, most: number = Number.MAX_SAFE_INTEGER) => {
  const error = most === Number.MAX_SAFE_INTEGER
    ? `a whole number of at least ${least}`
    : `a whole number from ${least} to ${most}`;
  return z.int(error).min(least, error).max(most, error);
};

const flag = () => z.boolean("true or false");

/** 0 ≤ x < 1: the weight that an average gives to what it already has. */
const keep = () => {
  const error = "a number of at least 0 and less than 1";
  return z.number(error).min(0, error).lt(1, error);
};

const positive = () => z.number("a number above 0").gt(0, "a number above 0");

const share = () => {
  const error = "a number from 0 to 1";
  return z.number(error).min(0, error).max(1, error);
};

/** A map with these keys and no others. For an unknown key, the message is the list of keys. */
const map = <T extends z.ZodRawShape>(shape: T, expected?: string) => {
  const keys = Object.keys(shape);
  const error = expected ?? `a map with keys such as ${keys.slice(0, 4).join(", ")}`;
  return z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? oneOf(keys) : error,
  });
};

/** A number for both directions, or `[h, w]`; comes out as `[h, w]`. */
const pair = (least: number) => {
  const side = whole(least, LARGEST);
  const error = `a whole number from ${least} to ${LARGEST}, or two of them as [h, w]`;
  return z.union([side, z.tuple([side, side])], error)
    .transform((v): [number, number] => typeof v === "number" ? [v, v] : v);
};

/** A number for all channels, or one per channel; comes out as a list. */
const perChannel = (number: z.ZodNumber, what: string) => {
  const error = `${what}, or a list of 1 to 4 of them`;
  return z.union([number, z.array(number).min(1, error).max(4, error)], error)
    .transform((v): number[] => typeof v === "number" ? [v] : v);
};

const label = () => {
  const error = "a name of letters, digits, _ and -";
  return z.string(error).regex(/^[A-Za-z0-9_-]{1,64}$/, error);
};

/** A folder's name: no separators, nothing hidden, nothing that a shell or Windows dislikes. */
/** A name that is one harmless path component. */
export const FOLDER_NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}._-]{0,58}[\p{L}\p{N}_-])?$/u;

const namesWith = (more: readonly string[]) => [...Object.keys(estimators), ...more, "none"];

/** Every estimator of qtrain that a recipe may name; `none`: not quantized. */
export const ESTIMATOR_NAMES: readonly string[] = namesWith([]);

const runName = () => {
  const error = "a name for a folder, of letters, digits, _, - and . (a letter, digit or _ first)";
  return z.string(error).regex(FOLDER_NAME, error);
};

const named = { name: z.exactOptional(label()) };

type Refused = { code: "custom"; input: unknown; path: PropertyKey[]; message: string };

/** Padding as wide as the kernel would make outputs that see nothing but padding. */
const paddingFits = (
  { value, issues }: { value: { kernel: Pair; padding: Pair }; issues: unknown[] },
): void => {
  const { kernel, padding } = value;
  if (padding[0] < kernel[0] && padding[1] < kernel[1]) return;
  const message = `padding smaller than the kernel, which is [${kernel.join(", ")}]`;
  issues.push({ code: "custom", input: padding, path: ["padding"], message } satisfies Refused);
};

const layer: z.ZodType<LayerSpec> = z.lazy(() => layerByType);

const layerList = () => {
  const error = "a list of at least one layer";
  return z.array(layer, error).min(1, error);
};

const conv2d = map({
  type: z.literal("conv2d"),
  ...named,
  channels: whole(1, LARGEST),
  kernel: pair(1),
  stride: pair(1).prefault(1),
  padding: pair(0).prefault(0),
  groups: whole(1, LARGEST).default(1),
  bias: flag().default(true),
}).check(paddingFits);

const linear = map({
  type: z.literal("linear"),
  ...named,
  features: whole(1, LARGEST),
  bias: flag().default(true),
});

const batchNorm = map({
  type: z.literal("batch_norm"),
  ...named,
  momentum: share().default(0.1),
  epsilon: positive().default(1e-5),
});

const pool = map({
  type: z.enum(["max_pool", "avg_pool"]),
  ...named,
  kernel: pair(1),
  stride: pair(1).optional(),
  padding: pair(0).prefault(0),
}).check(paddingFits).transform(({ padding, stride, ...v }) => ({
  ...v,
  stride: stride ?? v.kernel,
  padding,
}));

const plain = map({ type: z.enum(["relu", "relu6", "global_avg_pool"]), ...named });

const residual = map({
  type: z.literal("residual"),
  ...named,
  body: layerList(),
  shortcut: z.array(layer, "a list of layers; empty for the identity").default([]),
});

const LAYER_TYPES = [
  "conv2d",
  "linear",
  "batch_norm",
  "relu",
  "relu6",
  "max_pool",
  "avg_pool",
  "global_avg_pool",
  "residual",
];

const layerByType = z.preprocess(
  (v) => typeof v === "string" ? { type: v } : v,
  z.discriminatedUnion("type", [conv2d, linear, batchNorm, pool, plain, residual], {
    error: (issue) =>
      issue.code === "invalid_union"
        ? oneOf(LAYER_TYPES)
        : "a layer: a map with a type, or a bare word such as relu",
  }),
);

const DATA = `a map with at least format: ${FORMATS.slice(0, -1).join(", ")} or ${FORMATS.at(-1)}`;

const data = map({
  format: word(...FORMATS),
  root: z.string("the path of a folder or a file").default(""),
  classes: z.union([z.literal(0), whole(2, LARGEST)], `a whole number from 2 to ${LARGEST}`)
    .optional(),
  size: pair(0).optional(),
  channels: whole(0, 4).optional(),
  train: whole(0).optional(),
  test: whole(0).optional(),
  mean: perChannel(z.number("a number"), "a number").prefault(0.5),
  std: perChannel(positive(), "a number above 0").prefault(0.5),
  augment: z.array(z.never(), "an empty list").max(0, "an empty list")
    .default([]),
}, DATA).check(({ value: v, issues }) => {
  for (const { key, message } of dataMisfits(v)) {
    issues.push({ code: "custom", input: v[key], path: [key], message });
  }
}).transform((v) => {
  const glyphs = v.format === "glyphs", cifar = v.format === "cifar";
  const side = glyphs ? 28 : cifar ? 32 : 0;
  const size: Pair = v.size ?? [0, 0];
  return {
    format: v.format,
    root: v.root,
    classes: v.classes || (glyphs ? 10 : 0),
    size: size[0] === 0 ? [side, side] as const : size,
    channels: v.channels || (glyphs ? 1 : cifar ? 3 : 0),
    train: v.train || (glyphs ? 10000 : 0),
    test: v.test || (glyphs ? 2000 : 0),
    mean: v.mean,
    std: v.std,
    augment: v.augment,
  };
});

/** The path of the first name that a layer before it has too. */
function repeatedName(
  layers: readonly LayerSpec[],
  path: PropertyKey[],
  seen: Set<string> = new Set(),
): PropertyKey[] | undefined {
  for (const [i, layer] of layers.entries()) {
    const at = [...path, i];
    if (layer.name !== undefined) {
      if (seen.has(layer.name)) return [...at, "name"];
      seen.add(layer.name);
    }
    if (layer.type !== "residual") continue;
    const below = repeatedName(layer.body, [...at, "body"], seen) ??
      repeatedName(layer.shortcut, [...at, "shortcut"], seen);
    if (below) return below;
  }
  return undefined;
}

/** The networks that have a name, and the width that each has unless the recipe says otherwise. */
const ZOO_WIDTH: Readonly<Record<ZooName, number>> = {
  cnn: 32,
  resnet8: 16,
  resnet18: 64,
  "mobilenet-v2": 32,
};
const ZOO_NAMES = Object.keys(ZOO_WIDTH) as ZooName[];
const MODEL = `a map with name (${ZOO_NAMES.slice(0, -1).join(", ")} or ${
  ZOO_NAMES.at(-1)
}) or layers`;

const model = map({
  name: word(...ZOO_NAMES).optional(),
  width: whole(1, LARGEST).optional(),
  layers: layerList().optional(),
}, MODEL).transform((v, context) => {
  const refuse = (path: PropertyKey[], message: string): typeof z.NEVER => {
    context.issues.push({ code: "custom", input: v, path, message });
    return z.NEVER;
  };
  if (v.layers !== undefined) {
    if (v.name !== undefined) return refuse(["layers"], "no layers beside name");
    if (v.width !== undefined) return refuse(["width"], "no width beside layers");
    const twice = repeatedName(v.layers, ["layers"]);
    if (twice) return refuse(twice, "a name that no layer before it has");
    return { layers: v.layers };
  }
  if (v.name === undefined) return refuse([], MODEL);
  return { name: v.name, width: v.width ?? ZOO_WIDTH[v.name] };
});

const BITS = "a whole number from 2 to 8 (to 16 with arithmetic: simulated)";
const RANGE = "two numbers, [low, high], of which the first is smaller";

/** What says how a class of tensors is quantized, without defaults. */
const quantizing = (names: readonly string[]) => {
  const bits = z.int(BITS).min(2, BITS).max(16, BITS);
  const momentum = keep();
  const range = z.tuple([z.number(RANGE), z.number(RANGE)], RANGE)
    .refine(([low, high]) => low < high && Math.max(-low, high) <= 3e38, RANGE);
  const activations = {
    bits,
    estimator: word(...names),
    momentum,
    symmetric: flag(),
    window: whole(1, MOST_MEMORY),
    margin: whole(0, 8),
    interval: whole(1),
    range,
  };
  return {
    weights: {
      bits,
      estimator: word("current-minmax", "none"),
      momentum,
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

const quantize = (names: readonly string[]) => {
  const { weights: w, activations: a, gradients: g } = quantizing(names);
  const both = {
    bits: a.bits.default(8),
    estimator: a.estimator.default("hindsight-minmax"),
    momentum: a.momentum.default(0.9),
    symmetric: a.symmetric.default(false),
    window: a.window.default(16),
    margin: a.margin.default(0),
    interval: a.interval.default(100),
    range: z.exactOptional(a.range),
  };
  return map({
    arithmetic: word("int8", "simulated", "float32").default("int8"),
    weights: map({
      bits: w.bits.default(8),
      estimator: w.estimator.default("current-minmax"),
      momentum: w.momentum.default(0.9),
      per_channel: w.per_channel.default(false),
    }).prefault({}),
    activations: map(both).prefault({}),
    gradients: map({
      ...both,
      rounding: g.rounding.default("stochastic"),
      scale_rate: g.scale_rate.default(false),
    }).prefault({}),
    scheduler: word("host", "device", "auto").default("host"),
    lag: z.union([z.literal(1), z.literal(2)], "1 or 2").default(1),
    calibrate: whole(0).default(1),
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
    for (const { path, message } of misfits(value)) {
      issues.push({ code: "custom", input: value, path: [...path], message });
    }
  });
};

const train = map({
  epochs: whole(1).default(5),
  max_steps: whole(0).default(0),
  batch: whole(1, LARGEST).default(64),
  optimizer: map({
    name: word("sgd").default("sgd"),
    lr: positive().default(0.05),
    momentum: keep().default(0.9),
    nesterov: flag().default(false),
    weight_decay: z.number("a number of at least 0").min(0, "a number of at least 0").default(1e-4),
  }).prefault({}),
  schedule: map({
    name: word("constant", "step", "cosine").default("cosine"),
    warmup_steps: whole(0).default(0),
    every_epochs: whole(1).default(10),
    factor: positive().max(1, "a number above 0 and at most 1").default(0.1),
  }).prefault({}),
  log_every: whole(1).default(10),
});

const recipeWith = (names: readonly string[]) =>
  map({
    name: runName().default("run"),
    seed: whole(0, 2 ** 32 - 1).default(1),
    data,
    model,
    quantize: quantize(names).prefault({}),
    train: train.prefault({}),
    telemetry: word("basic", "full").default("basic"),
  }, "a map with at least data and model");

const recipe = recipeWith(ESTIMATOR_NAMES);

/**
 * Fills in the defaults of a plain value, or says what is wrong with it.
 *
 * @param more estimators that a program brought
 */
export function checkRecipe(
  value: unknown,
  more: readonly string[] = [],
): { recipe: Recipe } | { problems: Problem[] } {
  const known = more.length === 0 ? recipe : recipeWith(namesWith(more));
  const result = known.safeParse(value);
  return result.success ? { recipe: result.data } : { problems: toProblems(result.error.issues) };
}
