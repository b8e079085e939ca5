/**
 * Layers: what each type accepts, and its defaults.
 *
 * @module
 */
import {
  decay,
  flag,
  fraction,
  integer,
  label,
  LARGEST,
  map,
  oneOf,
  pair,
  positive,
} from "./fields.ts";
import type { LayerSpec, Pair } from "./types.ts";
import * as z from "./zod.ts";

const named = { name: z.exactOptional(label()) };

type Refused = { code: "custom"; input: unknown; path: PropertyKey[]; message: string };

/** Padding as wide as the kernel would make outputs that see nothing but padding. */
const paddingFits = (
  { value, issues }: { value: { kernel: Pair; padding: Pair }; issues: unknown[] },
): void => {
  const { kernel, padding } = value;
  if (!Array.isArray(kernel) || !Array.isArray(padding)) return; // Wrong by itself: that is said.
  if (padding[0] < kernel[0] && padding[1] < kernel[1]) return;
  const message = `padding smaller than the kernel, which is [${kernel.join(", ")}]`;
  issues.push({ code: "custom", input: padding, path: ["padding"], message } satisfies Refused);
};

const layer: z.ZodType<LayerSpec> = z.lazy(() => layerByType);

/** A network, or part of one. */
export const layerList = () => {
  const error = "a list of at least one layer";
  return z.array(layer, error).min(1, error);
};

const conv2d = map({
  type: z.literal("conv2d"),
  ...named,
  channels: integer(1, LARGEST),
  kernel: pair(1),
  stride: pair(1).prefault(1),
  padding: pair(0).prefault(0),
  groups: integer(1, LARGEST).default(1),
  bias: flag().default(true),
}).check(paddingFits);

const linear = map({
  type: z.literal("linear"),
  ...named,
  features: integer(1, LARGEST),
  bias: flag().default(true),
});

const batchNorm = map({
  type: z.literal("batch_norm"),
  ...named,
  momentum: fraction().default(0.1),
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

const dropout = map({ type: z.literal("dropout"), ...named, rate: decay().default(0.5) });

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
  "dropout",
  "residual",
];

const layerByType = z.preprocess(
  (v) => typeof v === "string" ? { type: v } : v,
  z.discriminatedUnion("type", [conv2d, linear, batchNorm, pool, dropout, plain, residual], {
    error: (issue) =>
      issue.code === "invalid_union"
        ? oneOf(LAYER_TYPES)
        : "a layer: a map with a type, or a bare word such as relu",
  }),
);
