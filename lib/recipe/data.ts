/**
 * `data`: where the images come from. Its formats, what each field accepts, its defaults, and what does
 * not fit together. The reader of a format is in `lib/data/formats`.
 *
 * @module
 */
import { augment, type AugmentSpec } from "./augment.ts";
import { checkData, DATA_FORMAT_NAMES, DATA_FORMATS, type DataFormatName } from "./data_formats.ts";
import { integer, LARGEST, map, type Pair, pair, perChannel, positive, word } from "./fields.ts";
import * as z from "./zod.ts";

/** Where the images come from. In numbers, 0 means: take it from the data. */
export interface DataSpec {
  /**
   * Which reader, or maker, of images. `glyphs`: made by the program. `idx`: four IDX files, as
   * MNIST is published. `cifar`: CIFAR-10 or CIFAR-100, binary version. `npz`: NumPy arrays
   * `x_train`, `y_train`, `x_test` and `y_test`, images u8. `folder`: JPEG and PNG images in a
   * folder for each class, `train/CLASS` and `val/CLASS`, or only `CLASS`.
   */
  readonly format: DataFormatName;
  /**
   * Absolute path of the data set's folder, with `npz` also of the `.npz` file; empty where the
   * format needs none.
   */
  readonly root: string;
  /** Kinds of images; labels are 0 to classes − 1. CIFAR-100: 100 fine or 20 coarse ones. */
  readonly classes: number;
  /**
   * Height and width of an image; `[0, 0]`: from the data. Images in folders are scaled so that they
   * just cover it, and cut to it around their middle.
   */
  readonly size: Pair;
  /** 1 to 4; 0: from the data. */
  readonly channels: number;
  /** Images of the training split to use; 0: all. */
  readonly train: number;
  /** Images of the test split to use; 0: all. */
  readonly test: number;
  /** Subtracted from pixel/255; one number for all channels, or one per channel. */
  readonly mean: readonly number[];
  /** Divides pixel/255 − mean; above 0; one number for all channels, or one per channel. */
  readonly std: readonly number[];
  /**
   * `folder`: share of each class that is held out for the test, above 0 and below 1, where the folder
   * has no `val`, `validation` or `test`; which images depends on the seed.
   */
  readonly holdout: number;
  /**
   * `folder`: what to do about a file that cannot be decoded. `fail`: stop and name it. `skip`: warn,
   * and put the next good image of its class in its place.
   */
  readonly on_bad_image: "fail" | "skip";
  /** What is done to training images, in this order; to test images nothing is. */
  readonly augment: readonly AugmentSpec[];
  /**
   * Threads that decode and augment images; 0: the one that trains. No result depends on it. `auto`:
   * one less than there are processors, 1 to 8, for images in files and for `resized_crop` and
   * `color_jitter`; 0 for what costs less.
   */
  readonly workers: "auto" | number;
}

const DATA = `a map with at least format: ${DATA_FORMAT_NAMES.slice(0, -1).join(", ")} or ${
  DATA_FORMAT_NAMES.at(-1)
}`;

const SHARE = "a number above 0 and below 1";

/** `data`. */
export const data = map({
  format: word(...DATA_FORMAT_NAMES),
  root: z.string("the path of a folder or a file").default(""),
  classes: z.union([z.literal(0), integer(2, LARGEST)], `a whole number from 2 to ${LARGEST}`)
    .optional(),
  size: pair(0).optional(),
  channels: integer(0, 4).optional(),
  train: integer(0).optional(),
  test: integer(0).optional(),
  mean: perChannel(z.number("a number"), "a number").prefault(0.5),
  std: perChannel(positive(), "a number above 0").prefault(0.5),
  holdout: z.number(SHARE).gt(0, SHARE).lt(1, SHARE).default(0.1),
  on_bad_image: word("fail", "skip").default("fail"),
  augment: augment.default([]),
  workers: z.union([z.literal("auto"), integer(0, 64)], "auto or a whole number from 0 to 64")
    .default("auto"),
}, DATA).check(({ value: v, issues }) => {
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
    size: size[0] === 0 ? defaults.size ?? size : size,
    channels: v.channels || (defaults.channels ?? 0),
    train: v.train || (defaults.train ?? 0),
    test: v.test || (defaults.test ?? 0),
    mean: v.mean,
    std: v.std,
    holdout: v.holdout,
    on_bad_image: v.on_bad_image,
    augment: v.augment,
    workers: v.workers,
  };
});
