/**
 * `data`: where the images come from. Its formats, what each field accepts, its defaults, and what does
 * not fit together. The reader of a format is in `lib/data/formats`.
 *
 * @module
 */
import { augment, type AugmentSpec } from "./augment.ts";
import { checkData, DATA_FORMAT_NAMES, DATA_FORMATS, type DataFormatName } from "./data_formats.ts";
import {
  integer,
  map,
  MAX_SIZE,
  type Pair,
  pair,
  perChannel,
  positive,
  SILENT,
  word,
} from "./fields.ts";
import * as z from "./zod.ts";

/** Where the images come from. In numbers, 0 means: take it from the data. */
export interface DataSpec {
  /** How the images are stored. */
  readonly format: DataFormatName;
  /** Folder (`npz`: or file) of the data set; relative to the recipe. */
  readonly root: string;
  /** Number of classes; `cifar`: 10, 20 or 100. 0, the default: from the data (`glyphs`: 10). */
  readonly classes: number;
  /**
   * Names of the classes, by label, for data that has none; empty, the default: its own names, or else
   * numbers.
   */
  readonly class_names: readonly string[];
  /**
   * Height and width of an image, or one number for both. 0, the default: from the data (`glyphs`: 28,
   * `cifar`: 32, `folder`: 224).
   */
  readonly size: Pair;
  /** Channels of an image. 0, the default: from the data (`folder`: 3). */
  readonly channels: number;
  /** Training images to use. 0, the default: all (`glyphs`: 10000). */
  readonly train: number;
  /** Test images to use. 0, the default: all (`glyphs`: 2000). */
  readonly test: number;
  /** Subtracted from pixel/255. */
  readonly mean: readonly number[];
  /** Divides pixel/255 − mean. */
  readonly std: readonly number[];
  /** `folder`: share of each class held out for the test, without a test folder. */
  readonly holdout: number;
  /** `folder`: stop at an image that cannot be decoded, or replace it. */
  readonly on_bad_image: "fail" | "skip";
  /**
   * How much each class counts in the loss of training: `balanced`, by one divided by its number of
   * training images; or a list of weights by label. Only their ratios matter.
   */
  readonly class_weights: "none" | "balanced" | readonly number[];
  /** Augmentations of training images, in this order. */
  readonly augment: readonly AugmentSpec[];
  /** Threads that decode and augment; 0: the training thread. */
  readonly workers: "auto" | number;
}

const DATA = `a map with at least format: ${DATA_FORMAT_NAMES.slice(0, -1).join(", ")} or ${
  DATA_FORMAT_NAMES.at(-1)
}`;

const NAMES = "a list of names, one for each class, all different";

/** Keeps weights that f32 numbers tell apart. */
const MAX_WEIGHT = 1e6;

const WEIGHTS = `none, balanced, or a list of numbers from 0 to ${MAX_WEIGHT}, one for each class`;

const SHARE = "a number above 0 and below 1";

/** `data`. */
export const data = map({
  format: word(...DATA_FORMAT_NAMES),
  // A run that resumes compares the files themselves, wherever they are.
  root: z.string("the path of a folder or a file").default("").meta(SILENT),
  classes: z.union([z.literal(0), integer(2, MAX_SIZE)], `a whole number from 2 to ${MAX_SIZE}`)
    .optional(),
  class_names: z.array(z.string(NAMES).min(1, NAMES), NAMES).default([]),
  size: pair(0).optional(),
  channels: integer(0, 4).optional(),
  train: integer(0).optional(),
  test: integer(0).optional(),
  mean: perChannel(z.number("a number"), "a number").prefault(0.5),
  std: perChannel(positive(), "a number above 0").prefault(0.5),
  holdout: z.number(SHARE).gt(0, SHARE).lt(1, SHARE).default(0.1),
  on_bad_image: word("fail", "skip").default("fail"),
  class_weights: z.union([
    word("none", "balanced"),
    z.array(z.number(WEIGHTS).min(0, WEIGHTS).max(MAX_WEIGHT, WEIGHTS), WEIGHTS).min(2, WEIGHTS)
      .max(MAX_SIZE, WEIGHTS),
  ], WEIGHTS).default("none"),
  augment: augment.prefault([]),
  workers: z.union([z.literal("auto"), integer(0, 64)], "auto or a whole number from 0 to 64")
    .default("auto").meta(SILENT),
}, DATA).check(({ value: v, issues }) => {
  if (new Set(v.class_names).size < v.class_names.length) {
    issues.push({ code: "custom", input: v.class_names, path: ["class_names"], message: NAMES });
  }
  checkData(v, (key, message) => {
    issues.push({ code: "custom", input: v[key], path: [key], message });
  });
}).transform((v) => {
  const { defaults = {} } = DATA_FORMATS[v.format];
  const size: Pair = v.size ?? [0, 0];
  return {
    format: v.format,
    root: v.root,
    classes: v.classes || (defaults.classes ?? 0),
    class_names: v.class_names,
    size: size[0] === 0 ? defaults.size ?? size : size,
    channels: v.channels || (defaults.channels ?? 0),
    train: v.train || (defaults.train ?? 0),
    test: v.test || (defaults.test ?? 0),
    mean: v.mean,
    std: v.std,
    holdout: v.holdout,
    on_bad_image: v.on_bad_image,
    class_weights: v.class_weights,
    augment: v.augment,
    workers: v.workers,
  };
});
