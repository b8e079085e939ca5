/**
 * Opens the data that a recipe names.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import {
  type Dataset,
  type LabelledImages,
  memorySplit,
  pixelStatistics,
  type Split,
} from "./dataset.ts";
import { changesSince } from "./paths/file_fingerprint.ts";
import { openGlyphs } from "./formats/glyphs.ts";
import type { OpenedSplits, RawDataset } from "./raw_dataset.ts";
import { epochOrder } from "./sampler.ts";
import { key, PURPOSE } from "./counter_rng.ts";
import type { DataRecipe } from "./recipe.ts";

/** Images in files that mean and standard deviation are taken from. */
const MAX_MEASURED = 1000;

/**
 * Makes or reads a data set, checks it, and takes from it what the recipe leaves open.
 *
 * @param options `warn` gets one line about data that is usable but odd
 * @throws {DataError} when data is missing, damaged, or does not fit the recipe
 */
export async function openDataset(
  recipe: DataRecipe,
  options: { warn?: (text: string) => void } = {},
): Promise<Dataset> {
  const warn = options.warn ?? (() => {});
  const opened = await open(recipe, warn);
  warnOfMissingClasses(opened, warn);
  if (opened.files) await expectUnchanged(opened.files.stamps);
  const channels = opened.shape[2];
  let { mean, std } = recipe;
  if (mean === 0 || std === 0) {
    const found = pixelStatistics(
      await sample(opened.train, opened.shape, recipe.seed ?? 1),
      channels,
    );
    if (mean === 0) mean = found.mean;
    if (std === 0) {
      if (found.std.includes(0)) {
        warn(
          `${opened.name}: every training pixel of a channel is the same; its std is taken as 1`,
        );
      }
      std = found.std.map((value) => value || 1);
    }
  }
  return {
    ...opened,
    mean: perChannel("data.mean", mean, channels),
    std: positive(perChannel("data.std", std, channels)),
    train: splitOf(opened.train),
    test: splitOf(opened.test),
  };
}

/** Half of an old file and half of a new one would be neither. */
async function expectUnchanged(stamps: Parameters<typeof changesSince>[0]): Promise<void> {
  const [change] = await changesSince(stamps);
  if (change === undefined) return;
  throw new DataError(
    `data.root: expected files that nobody writes to while they are read, found that ${change}; ` +
      `start again when they are whole`,
  );
}

function splitOf(images: LabelledImages | Split): Split {
  return "read" in images ? images : memorySplit(images);
}

/** The images that pixels are measured on: all that lie in memory, or 1,000 of those in files. */
async function sample(
  split: LabelledImages | Split,
  [h, w, c]: RawDataset["shape"],
  seed: number,
): Promise<Uint8Array> {
  if (!("read" in split)) return split.images;
  if (split.source?.kind === "memory") return split.source.images;
  const indices = epochOrder(split.count, key(PURPOSE.sample, seed), 0).subarray(0, MAX_MEASURED);
  const images = new Uint8Array(indices.length * h * w * c);
  await split.read(indices, images, new Uint32Array(indices.length));
  return images;
}

/** Readers are loaded when they are asked for: all of them would cost a start 25 ms. */
async function open(
  recipe: DataRecipe,
  warn: (text: string) => void,
): Promise<RawDataset | OpenedSplits> {
  switch (recipe.format) {
    case "glyphs":
      return openGlyphs(recipe);
    case "idx":
      return await (await import("./formats/idx.ts")).openIdx(recipe);
    case "cifar":
      return await (await import("./formats/cifar.ts")).openCifar(recipe, warn);
    case "npz":
      return await (await import("./formats/npz.ts")).openNpz(recipe);
    case "folder":
      return await (await import("./image_folder/image_folder.ts")).openFolder(recipe, warn);
    default:
      throw new DataError(
        `data.format: expected one of glyphs, idx, cifar, npz, folder, found ${recipe
          .format satisfies never}`,
      );
  }
}

function perChannel(
  field: string,
  value: number | readonly number[],
  channels: number,
): readonly number[] {
  const given = typeof value === "number" ? [value] : value;
  const list = given.length === 1 ? Array<number>(channels).fill(given[0]!) : given;
  if (list.length !== channels) {
    throw new DataError(
      `${field}: expected ${channels} numbers, one for each channel, found ${list.length}; ` +
        `give one for each, or one number for all`,
    );
  }
  return list;
}

function positive(std: readonly number[]): readonly number[] {
  for (const value of std) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new DataError(
        `data.std: expected numbers greater than 0, found ${value}; ` +
          `correct it, or leave data.std out to take it from the data`,
      );
    }
  }
  return std;
}

function warnOfMissingClasses(
  opened: RawDataset | OpenedSplits,
  warn: (text: string) => void,
): void {
  const seen = new Set(opened.train.labels);
  const missing = Array.from({ length: opened.classes }, (_, label) => label)
    .filter((label) => !seen.has(label));
  if (missing.length === 0) return;
  const some = missing.slice(0, 5).join(", ") + (missing.length > 5 ? ", …" : "");
  warn(
    `${opened.name}: ${missing.length} of ${opened.classes} classes have no training image ` +
      `(${some}); data.classes or data.train may be wrong`,
  );
}
