/**
 * `data.augment`: what each augmentation accepts, and its defaults.
 *
 * @module
 */
import { fraction, integer, LARGEST, map, oneOf, positive } from "./fields.ts";
import type { AugmentSpec } from "./types.ts";
import * as z from "./zod.ts";

/** Two numbers above 0, the smaller first. */
const span = (most: number, expected: string) => {
  const bound = z.number(expected).gt(0, expected).max(most, expected);
  return z.tuple([bound, bound], expected).refine(([least, largest]) => least <= largest, expected);
};

const strength = (most: number) => {
  const error = `a number from 0 to ${most}`;
  return z.number(error).min(0, error).max(most, error);
};

/** The settings of each, by its name. */
const SETTINGS = {
  flip: map({ probability: fraction().default(0.5) }),
  crop: map({ padding: integer(0, LARGEST).default(4) }),
  resized_crop: map({
    scale: span(1, "two shares of the area above 0 and at most 1, as [least, largest]")
      .default([0.08, 1]),
    ratio: span(LARGEST, "two ratios of width to height above 0, as [least, largest]")
      .default([0.75, 1.3333]),
  }),
  color_jitter: map({
    brightness: strength(1).default(0.4),
    contrast: strength(1).default(0.4),
    saturation: strength(1).default(0.4),
    hue: strength(0.5).default(0),
  }),
  cutout: map({ size: integer(0, LARGEST).default(8) }),
  mixup: map({ alpha: positive().default(0.2) }),
};

const NAMES = Object.keys(SETTINGS);

/** All of them optional, for a map of which one is given. */
const optional = Object.fromEntries(
  Object.entries(SETTINGS).map((
    [name, settings],
  ) => [name, z.exactOptional(settings as z.ZodType)]),
);

const entry = z.preprocess(
  // A bare word is that augmentation with its defaults.
  (v) => typeof v === "string" && NAMES.includes(v) ? { [v]: {} } : v,
  map(optional, oneOf(NAMES)).check(({ value, issues }) => {
    if (issues.length > 0 || Object.keys(value).length === 1) return;
    const message = `a map with one key, ${oneOf(NAMES)}`;
    issues.push({ code: "custom", input: value, path: [], message });
  }),
).transform((v) => v as AugmentSpec);

/** `data.augment`. */
export const augment = z.array(entry, "a list of augmentations such as flip").check(
  ({ value, issues }) => {
    const second = value.filter((spec) => "mixup" in spec)[1];
    if (!second) return;
    const path = [value.lastIndexOf(second)];
    issues.push({ code: "custom", input: second, path, message: "one mixup in the list at most" });
  },
);
