/**
 * `data`: what each field accepts, and its defaults.
 *
 * @module
 */
import { augment } from "./augment_schema.ts";
import { dataMisfits, FORMATS } from "./data_checks.ts";
import { integer, LARGEST, map, pair, perChannel, positive, word } from "./fields.ts";
import type { Pair } from "./types.ts";
import * as z from "./zod.ts";

const DATA = `a map with at least format: ${FORMATS.slice(0, -1).join(", ")} or ${FORMATS.at(-1)}`;

const SHARE = "a number above 0 and below 1";

/** `data`. */
export const data = map({
  format: word(...FORMATS),
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
  for (const { key, message } of dataMisfits(v)) {
    issues.push({ code: "custom", input: v[key], path: [key], message });
  }
}).transform((v) => {
  const glyphs = v.format === "glyphs", cifar = v.format === "cifar";
  const folder = v.format === "folder";
  const side = glyphs ? 28 : cifar ? 32 : folder ? 224 : 0;
  const size: Pair = v.size ?? [0, 0];
  return {
    format: v.format,
    root: v.root,
    classes: v.classes || (glyphs ? 10 : 0),
    size: size[0] === 0 ? [side, side] as const : size,
    channels: v.channels || (glyphs ? 1 : cifar || folder ? 3 : 0),
    train: v.train || (glyphs ? 10000 : 0),
    test: v.test || (glyphs ? 2000 : 0),
    mean: v.mean,
    std: v.std,
    holdout: v.holdout,
    on_bad_image: v.on_bad_image,
    augment: v.augment,
    workers: v.workers,
  };
});
