/**
 * All augmentations, by their names in a recipe.
 *
 * @module
 */
import type { AugmentSpec } from "../../recipe/augment.ts";
import type { Augmentation, AugmentName, AugmentSettings } from "./augmentation.ts";
import { colorJitter } from "./color_jitter.ts";
import { crop } from "./crop.ts";
import { cutout } from "./cutout.ts";
import { flip } from "./flip.ts";
import { mixup } from "./mixup.ts";
import { resizedCrop } from "./resized_crop.ts";

const AUGMENTATIONS: { readonly [Name in AugmentName]: Augmentation<Name> } = {
  flip,
  crop,
  resized_crop: resizedCrop,
  color_jitter: colorJitter,
  cutout,
  mixup,
};

/** An augmentation of a recipe's list, with its settings. */
export function augmentationOf(
  spec: AugmentSpec,
): { augmentation: Augmentation<AugmentName>; settings: AugmentSettings<AugmentName> } {
  const [[name, settings]] = Object.entries(spec) as [
    [AugmentName, AugmentSettings<AugmentName>],
  ];
  // The settings are those of the name; the compiler does not follow that.
  return { augmentation: AUGMENTATIONS[name] as Augmentation<AugmentName>, settings };
}
