/**
 * `color_jitter`: brightness, contrast, saturation and hue change, in random order and by random
 * amounts, as in torchvision's `ColorJitter`. Values are rounded once, at the end.
 *
 * @module
 */
import type { Image } from "../dataset.ts";
import type { AugmentRng } from "./augment_rng.ts";
import type { Augmentation, AugmentSettings } from "./augmentation.ts";

/** Strength of each change; 0 leaves the property alone. */
type Strengths = AugmentSettings<"color_jitter">;

/** Pixels as real numbers of 0 to 255. A fourth channel is not colour and stays as it is. */
interface Real {
  readonly data: Float64Array;
  readonly c: number;
  /** Channels that change. */
  readonly colours: number;
}

const clamp = (value: number) => Math.min(255, Math.max(0, value));

/** The grey of the pixel at `at`: luma of ITU-R BT.601; with fewer than three channels, the first. */
function greyAt({ data, colours }: Real, at: number): number {
  return colours === 3
    ? 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!
    : data[at]!;
}

/** Every colour goes `factor` of the way from `base` of its pixel. */
function blend(image: Real, factor: number, base: (at: number) => number): void {
  const { data, c, colours } = image;
  for (let at = 0; at < data.length; at += c) {
    const rest = (1 - factor) * base(at);
    for (let channel = at; channel < at + colours; channel++) {
      data[channel] = clamp(factor * data[channel]! + rest);
    }
  }
}

function meanGrey(image: Real): number {
  let sum = 0;
  for (let at = 0; at < image.data.length; at += image.c) sum += greyAt(image, at);
  return sum / (image.data.length / image.c);
}

/** Turns every colour's hue by `turn` of the circle; its lightest and darkest channel value stay. */
function turnHue({ data, c }: Real, turn: number): void {
  for (let at = 0; at < data.length; at += c) {
    const r = data[at]!, g = data[at + 1]!, b = data[at + 2]!;
    const most = Math.max(r, g, b), least = Math.min(r, g, b), span = most - least;
    if (span === 0) continue;
    const sixth = most === r
      ? (g - b) / span
      : most === g
      ? 2 + (b - r) / span
      : 4 + (r - g) / span;
    // Red is 0, green 2 and blue 4 sixths of the circle.
    for (let channel = 0; channel < 3; channel++) {
      const away = (((sixth + 6 * turn - 2 * channel) % 6) + 6) % 6;
      data[at + channel] = most - span * Math.min(1, Math.max(0, Math.min(away, 6 - away) - 1));
    }
  }
}

const PROPERTIES = ["brightness", "contrast", "saturation", "hue"] as const;

function change(image: Real, property: typeof PROPERTIES[number], by: number): void {
  switch (property) {
    case "brightness":
      return blend(image, by, () => 0);
    case "contrast": {
      const mean = meanGrey(image);
      return blend(image, by, () => mean);
    }
    case "saturation":
      if (image.colours === 3) blend(image, by, (at) => greyAt(image, at));
      return;
    case "hue":
      if (image.colours === 3) turnHue(image, by);
      return;
  }
}

/** The changes to one image, in their order: factors, and for `hue` a part of the circle. */
function drawChanges(strengths: Strengths, rng: AugmentRng): [typeof PROPERTIES[number], number][] {
  const changes = PROPERTIES.filter((property) => strengths[property] > 0).map(
    (property): [typeof PROPERTIES[number], number] => {
      const most = strengths[property];
      return property === "hue"
        ? [property, rng.between(-most, most)]
        : [property, rng.between(Math.max(0, 1 - most), 1 + most)];
    },
  );
  for (let last = changes.length - 1; last > 0; last--) {
    const chosen = rng.below(last + 1), swapped = changes[last]!;
    changes[last] = changes[chosen]!;
    changes[chosen] = swapped;
  }
  return changes;
}

/** Makes changes to an image in place: factors, and for `hue` a part of the circle. */
export function recolour(
  { data, c }: Image,
  changes: readonly (readonly [typeof PROPERTIES[number], number])[],
): void {
  const image: Real = { data: Float64Array.from(data), c, colours: c >= 3 ? 3 : 1 };
  for (const [property, by] of changes) change(image, property, by);
  for (let at = 0; at < data.length; at++) data[at] = Math.round(image.data[at]!);
}

/** Changes the colours of every image. */
export const colorJitter = {
  slow: true,
  image: (strengths) => (image, rng) => {
    const changes = drawChanges(strengths, rng);
    if (changes.length > 0) recolour(image, changes);
    return image;
  },
} satisfies Augmentation<"color_jitter">;
