/**
 * `data`: what each field accepts, and its defaults.
 *
 * @module
 */
import { augment } from "./augment_schema.ts";
import { checkData, DATA_FORMAT_NAMES, DATA_FORMATS } from "./data_formats.ts";
import { integer, LARGEST, map, pair, perChannel, positive, word } from "./fields.ts";
import type { Pair } from "./types.ts";
import * as z from "./zod.ts";

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
