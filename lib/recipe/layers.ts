/**
 * Layers: their types, what each accepts, and its defaults. Adding one means its type, its schema and its
 * place in the lists of this file; lib/program/ops has what it computes.
 *
 * @module
 */
import {
  decay,
  flag,
  fraction,
  integer,
  label,
  type Loose,
  map,
  MAX_SIZE,
  oneOf,
  type Pair,
  pair,
  type PairInput,
  positive,
} from "./fields.ts";
import * as z from "./zod.ts";

/** What any layer may have. */
export interface LayerBase {
  /** Letters, digits, _ and -, once in a network; the plan makes one up where it is missing. */
  readonly name?: string;
}

/** A convolution over `[n, h, w, c]`. */
export interface Conv2dSpec extends LayerBase {
  /** What kind of layer. */
  readonly type: "conv2d";
  /** Output channels. */
  readonly channels: number;
  /** Height and width of the window. */
  readonly kernel: Pair;
  /** Rows and columns from one window to the next. */
  readonly stride: Pair;
  /** Rows and columns of zero added on each side; smaller than the kernel. */
  readonly padding: Pair;
  /** Groups of channels that do not see each other, 1 or more; as many as there are: depthwise. */
  readonly groups: number;
  /** Whether a learned number is added per output. */
  readonly bias: boolean;
}

/** A fully connected layer over all of `[h, w, c]`. */
export interface LinearSpec extends LayerBase {
  /** What kind of layer. */
  readonly type: "linear";
  /** Output features. */
  readonly features: number;
  /** Whether a learned number is added per output. */
  readonly bias: boolean;
}

/** Batch norm per channel, with a learned scale and shift. */
export interface BatchNormSpec extends LayerBase {
  /** What kind of layer. */
  readonly type: "batch_norm";
  /** Weight of the new batch in the running statistics, 0 to 1. */
  readonly momentum: number;
  /** Added to the variance. */
  readonly epsilon: number;
}

/** Max or average pooling. */
export interface PoolSpec extends LayerBase {
  /** What kind of layer. */
  readonly type: "max_pool" | "avg_pool";
  /** Height and width of the window. */
  readonly kernel: Pair;
  /** Rows and columns from one window to the next. */
  readonly stride: Pair;
  /** Rows and columns added on each side; smaller than the kernel. */
  readonly padding: Pair;
}

/** In training, drops values at random and divides the others by 1 − rate; else the identity. */
export interface DropoutSpec extends LayerBase {
  /** What kind of layer. */
  readonly type: "dropout";
  /** Share of the values that is dropped, 0 ≤ rate < 1. */
  readonly rate: number;
}

/** A layer without settings: `relu`, `relu6`, or the mean over h and w, `global_avg_pool`. */
export interface PlainSpec extends LayerBase {
  /** What kind of layer. */
  readonly type: "relu" | "relu6" | "global_avg_pool";
}

/** `body(x) + shortcut(x)`; both must give the same shape. */
export interface ResidualSpec extends LayerBase {
  /** What kind of layer. */
  readonly type: "residual";
  /** The layers that compute the sum's first part. */
  readonly body: readonly LayerSpec[];
  /** Empty: the identity. */
  readonly shortcut: readonly LayerSpec[];
}

/** One layer of a network. */
export type LayerSpec =
  | Conv2dSpec
  | LinearSpec
  | BatchNormSpec
  | PoolSpec
  | DropoutSpec
  | PlainSpec
  | ResidualSpec;

/** One layer as it may be written; a bare word such as `relu` is that layer with its defaults. */
export type LayerInput =
  | PlainSpec["type"]
  | "batch_norm"
  | "dropout"
  | PlainSpec
  | (Pick<LinearSpec, "type" | "features"> & Partial<LinearSpec>)
  | (Pick<BatchNormSpec, "type"> & Partial<BatchNormSpec>)
  | (Pick<DropoutSpec, "type"> & Partial<DropoutSpec>)
  | (Loose<Conv2dSpec, "kernel" | "stride" | "padding"> & Pick<Conv2dSpec, "type" | "channels"> & {
    readonly kernel: PairInput;
    readonly stride?: PairInput;
    readonly padding?: PairInput;
  })
  | (Pick<PoolSpec, "type" | "name"> & {
    readonly kernel: PairInput;
    readonly stride?: PairInput;
    readonly padding?: PairInput;
  })
  | (Pick<ResidualSpec, "type" | "name"> & {
    readonly body: readonly LayerInput[];
    readonly shortcut?: readonly LayerInput[];
  });

/** The lists of layers that a layer consists of, with their keys. */
export function branchesOf(layer: LayerSpec): readonly (readonly [string, readonly LayerSpec[]])[] {
  return layer.type === "residual" ? [["body", layer.body], ["shortcut", layer.shortcut]] : [];
}

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
  channels: integer(1, MAX_SIZE),
  kernel: pair(1),
  stride: pair(1).prefault(1),
  padding: pair(0).prefault(0),
  groups: integer(1, MAX_SIZE).default(1),
  bias: flag().default(true),
}).check(paddingFits);

const linear = map({
  type: z.literal("linear"),
  ...named,
  features: integer(1, MAX_SIZE),
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
).meta({ words: ["relu", "relu6", "global_avg_pool", "batch_norm", "dropout"] });
