/**
 * What `qtrain init` finds out about a data set: images, classes, sizes and pixels.
 *
 * @module
 */
import type { Dataset, Split } from "../../lib/data/dataset.ts";
import { datasetStatistics } from "../../lib/data/inspect/dataset_statistics.ts";
import { datasetName, type FoundDataset } from "../../lib/data/inspect/find_datasets.ts";
import { DataLoader } from "../../lib/data/loader.ts";
import { openDataset } from "../../lib/data/open.ts";
import { epochOrder } from "../../lib/data/sampler.ts";
import { readHeader } from "../../lib/image/header.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import type { PathScope } from "../../lib/recipe/path_scope.ts";
import type { Progress } from "../progress.ts";

/** Images that are decoded to measure pixels and to find files that cannot be: 3 s of 12-megapixel photos. */
const DECODED = { train: 400, test: 100 } as const;
/** Files whose header is read for their size. */
const MAX_HEADERS = 400;
/** Bytes read of a file for its header: in a JPEG, a preview of 64 KiB may come before the size. */
const HEADER_BYTES = 2 ** 18;
/** Height and width that photos are measured at. */
const MEASURED_SIZE = 64;
const SEED = 1;

/** Files of images, which may have different sizes. */
export interface Files {
  /** Half of the files have a shorter side of at least so many pixels. */
  readonly median: number;
  /** Height and width, if all have the same. */
  readonly same: readonly [h: number, w: number] | undefined;
  /** Whether all are grey. */
  readonly grey: boolean;
  /** Files looked at that cannot be decoded, and how many were looked at. */
  readonly bad: number;
  readonly tried: number;
}

/** What is known about a data set. */
export interface Survey {
  readonly found: FoundDataset;
  readonly name: string;
  /** Number of images. */
  readonly train: number;
  readonly test: number;
  /** The number of training images of each class. */
  readonly counts: readonly number[];
  readonly classNames: readonly string[] | undefined;
  /** Shape of an image; of files, that which their pixels were measured at. */
  readonly shape: Dataset["shape"];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Training images whose pixels were measured. */
  readonly measured: number;
  /** Set for a folder of image files. */
  readonly files: Files | undefined;
  /** How the folder was read, in words. */
  readonly layout: string | undefined;
  /** Whether the test images are held out of the training images. */
  readonly heldOut: boolean;
  /** What was odd, a line each. */
  readonly notes: readonly string[];
}

/**
 * Opens a data set with the reader of its format and measures it.
 *
 * @param pathScope what may be read
 * @throws {DataError} when it cannot be read as it is
 */
export async function survey(
  found: FoundDataset,
  pathScope: PathScope,
  progress: Progress,
): Promise<Survey> {
  const { format, path } = found, notes = new Set<string>();
  const isFolder = format === "folder";
  const recipe = resolveRecipe({
    pathScope,
    seed: SEED,
    data: {
      format,
      root: path,
      ...(isFolder ? { size: MEASURED_SIZE, on_bad_image: "skip" } : {}),
    },
    model: { name: "cnn" },
  });
  const warn = (text: string) => void notes.add(text);
  const live = (text: string) => progress.live(text);
  const data = await openDataset(recipe, { warn, progress: live })
    .finally(() => progress.done());
  const loader = await DataLoader.open(data, { ...recipe.data, seed: SEED, warn });
  try {
    const { counts, measured } = await datasetStatistics(loader, SEED, live, DECODED)
      .finally(() => progress.done());
    return {
      found,
      name: datasetName(found),
      train: data.train.count,
      test: data.test.count,
      counts: counts.train,
      classNames: data.classNames,
      shape: data.shape,
      mean: measured.mean,
      std: measured.std,
      measured: measured.images,
      files: isFolder ? await filesOf(data) : undefined,
      layout: data.layout,
      heldOut: data.heldOut ?? false,
      notes: [...notes],
    };
  } finally {
    loader.close();
  }
}

/** Sizes and kinds of a sample of the training images, by the headers of their files. */
async function filesOf({ train, test, fileWarnings }: Dataset): Promise<Files> {
  const sides: number[] = [], sizes = new Map<string, readonly [number, number]>();
  let grey = true;
  for (const index of epochOrder(train.count, SEED, 0).slice(0, MAX_HEADERS)) {
    const header = await headerOf(train, index);
    if (!header) continue;
    const turned = header.orientation > 4;
    const h = turned ? header.width : header.height, w = turned ? header.height : header.width;
    sides.push(Math.min(h, w));
    sizes.set(`${h}×${w}`, [h, w]);
    grey &&= header.components < 3;
  }
  sides.sort((a, b) => a - b);
  return {
    median: sides[Math.floor(sides.length / 2)] ?? MEASURED_SIZE,
    same: sizes.size === 1 ? [...sizes.values()][0] : undefined,
    grey: grey && sides.length > 0,
    bad: fileWarnings?.count("bad") ?? 0,
    tried: Math.min(train.count, DECODED.train) + Math.min(test.count, DECODED.test),
  };
}

/** The header of an image's file; `undefined` where it has none that can be read. */
async function headerOf(split: Split, index: number) {
  const path = split.nameOf!(index), bytes = new Uint8Array(HEADER_BYTES);
  try {
    using file = await Deno.open(path);
    let length = 0, read: number | null = 0;
    while (length < bytes.length && (read = await file.read(bytes.subarray(length))) !== null) {
      length += read;
    }
    return readHeader(bytes.subarray(0, length), path);
  } catch {
    return undefined; // Decoding has said what is wrong with it.
  }
}
