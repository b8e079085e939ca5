/**
 * A procedural set of grey images in ten classes, made by the program itself, so that a first run
 * needs no download.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { glyphSplit } from "./glyph_draw.ts";
import { SHAPES } from "./glyph_shapes.ts";
import type { RawDataset } from "../raw_dataset.ts";
import { type DataRecipe, wantedSize } from "../recipe.ts";

const TRAIN = 10_000;
const TEST = 2_000;
const SIDE = 28;
const MIN_SIDE = 12; // strokes run together below
const MAX_BYTES = 2 ** 31; // of one split, all of which lies in memory

/**
 * Both splits. An image of 28×28 takes 25 µs on one CPU core, when it is first read.
 *
 * @throws {DataError} when the recipe asks for what cannot be drawn
 */
export function openGlyphs(recipe: DataRecipe): RawDataset {
  const classes = recipe.classes || SHAPES.length;
  if (classes > SHAPES.length) {
    throw new DataError(
      `data.classes: expected at most ${SHAPES.length}, the glyphs there are, found ${classes}; ` +
        `lower it or leave it out`,
    );
  }
  if (recipe.channels !== 0 && recipe.channels !== 1) {
    throw new DataError(
      `data.channels: expected 1, as glyphs are grey, found ${recipe.channels}; ` +
        `set it to 1 or leave it out`,
    );
  }
  const [h, w] = wantedSize(recipe.size) ?? [SIDE, SIDE];
  if (Math.min(h, w) < MIN_SIDE) {
    throw new DataError(
      `data.size: expected at least ${MIN_SIDE}×${MIN_SIDE} for glyphs, found ${h}×${w}; ` +
        `raise it or leave it out`,
    );
  }
  const make = (split: 0 | 1, count: number, field: string) => {
    const most = Math.floor(MAX_BYTES / (h * w));
    if (count > most) {
      throw new DataError(
        `${field}: expected at most ${most} glyphs of ${h}×${w}, which fill 2 GiB, ` +
          `found ${count}; lower it`,
      );
    }
    return glyphSplit({ seed: recipe.seed ?? 1, split, count, classes, h, w });
  };
  return {
    name: "glyphs",
    classes,
    shape: [h, w, 1],
    train: make(0, recipe.train || TRAIN, "data.train"),
    test: make(1, recipe.test || TEST, "data.test"),
  };
}
