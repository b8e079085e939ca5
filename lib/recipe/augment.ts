/**
 * `data.augment`: the augmentations, what each accepts, and its defaults.
 *
 * @module
 */
import { fraction, integer, map, MAX_SIZE, oneOf, positive } from "./fields.ts";
import * as z from "./zod.ts";

/** One augmentation of training images: a map with its name as the only key. */
export type AugmentSpec =
  | {
    /** Left and right change places, in this share of images. */
    readonly flip: { readonly probability: number };
  }
  | {
    /** A window of the same size, anywhere in the image with so many black pixels around it. */
    readonly crop: { readonly padding: number };
  }
  | {
    /** A part of the image, scaled: shares of its area, and width / height, least and largest. */
    readonly resized_crop: {
      readonly scale: readonly [least: number, largest: number];
      readonly ratio: readonly [least: number, largest: number];
    };
  }
  | {
    /** Factors from 1 − x to 1 + x; `hue`: up to so much of the circle of colours, at most 0.5. */
    readonly color_jitter: {
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
    };
  }
  | {
    /** A square with this side gets the mean colour. */
    readonly cutout: { readonly size: number };
  }
  | {
    /** Images of a batch and their labels are mixed in pairs; Beta(alpha, alpha) weighs them. */
    readonly mixup: { readonly alpha: number };
  };

/** One augmentation as it may be written; a bare word is that one with its defaults. */
export type AugmentInput = AugmentSpec extends infer S
  ? S extends AugmentSpec ? keyof S | { readonly [K in keyof S]: Partial<S[K]> } : never
  : never;

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
  crop: map({ padding: integer(0, MAX_SIZE).default(4) }),
  resized_crop: map({
    scale: span(1, "two shares of the area above 0 and at most 1, as [least, largest]")
      .default([0.08, 1]),
    ratio: span(MAX_SIZE, "two ratios of width to height above 0, as [least, largest]")
      .default([0.75, 1.3333]),
  }),
  color_jitter: map({
    brightness: strength(1).default(0.4),
    contrast: strength(1).default(0.4),
    saturation: strength(1).default(0.4),
    hue: strength(0.5).default(0),
  }),
  cutout: map({ size: integer(0, MAX_SIZE).default(8) }),
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
).transform((v) => v as AugmentSpec).meta({ words: NAMES });

/** `data.augment`. */
export const augment = z.array(entry, "a list of augmentations such as flip").check(
  ({ value, issues }) => {
    const second = value.filter((spec) => "mixup" in spec)[1];
    if (!second) return;
    const path = [value.lastIndexOf(second)];
    issues.push({ code: "custom", input: second, path, message: "one mixup in the list at most" });
  },
);
