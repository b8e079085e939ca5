/**
 * Opens the data that a recipe names.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { listed } from "../core/text.ts";
import type { DataRecipe, Dataset, UnnormalizedDataset } from "./dataset.ts";
import { READERS } from "./formats/mod.ts";
import { changesSince } from "./paths/file_fingerprint.ts";

/**
 * Finds the data set of a recipe, reads it or prepares to read it, and checks it.
 *
 * @param recipe a recipe; only paths in its `pathScope` are read
 * @param options `warn` is called with each warning about data that is usable but odd,
 * `progress` now and then with how far a long listing of files is
 * @throws {DataError} when data is missing, damaged, outside the path scope, or does not fit the recipe
 */
export async function openDataset(
  recipe: DataRecipe,
  options: {
    readonly warn?: ((text: string) => void) | undefined;
    readonly progress?: ((text: string) => void) | undefined;
  } = {},
): Promise<Dataset> {
  const { format, mean, std } = recipe.data, warn = options.warn ?? (() => {});
  const read = await READERS[format]();
  const opened = named(await read(recipe, warn, options.progress), recipe.data.class_names);
  warnOfMissingClasses(opened, warn);
  await checkUnchanged(opened);
  const channels = opened.shape[2];
  return {
    ...opened,
    mean: perChannel("data.mean", mean, channels),
    std: perChannel("data.std", std, channels),
  };
}

/** Gives the classes the names of the recipe, if it has any. */
function named(data: UnnormalizedDataset, names: readonly string[]): UnnormalizedDataset {
  if (names.length === 0) return data;
  if (data.classNames) {
    throw new DataError(
      `data.class_names: expected for data without names of classes, but ${data.name} has ` +
        `${listed(data.classNames)}; leave it out`,
    );
  }
  if (names.length !== data.classes) {
    throw new DataError(
      `data.class_names: expected ${data.classes} names, one for each class of ${data.name}, got ` +
        `${names.length}; correct the list`,
    );
  }
  return { ...data, classNames: names };
}

/** Refuses data that changed while it was read: half of an old file and half of a new one are neither. */
async function checkUnchanged({ files }: UnnormalizedDataset): Promise<void> {
  const [change] = await changesSince(files?.fingerprints ?? []);
  if (change === undefined) return;
  throw new DataError(
    `data.root: a file changed while it was read: ${change}; try again when nothing writes to it`,
  );
}

function perChannel(
  field: string,
  values: readonly number[],
  channels: number,
): readonly number[] {
  const list = values.length === 1 ? Array<number>(channels).fill(values[0]!) : values;
  if (list.length !== channels) {
    throw new DataError(
      `${field}: expected ${channels} numbers, one for each channel, got ${list.length}; ` +
        `give one for each, or one number for all`,
    );
  }
  return list;
}

function warnOfMissingClasses(
  { name, classes, classNames, train }: UnnormalizedDataset,
  warn: (text: string) => void,
): void {
  const seen = new Set(train.labels);
  const missing = Array.from({ length: classes }, (_, label) => label)
    .filter((label) => !seen.has(label))
    .map((label) => classNames?.[label] ?? String(label));
  if (missing.length === 0) return;
  warn(
    `${name}: ${missing.length} of ${classes} classes have no training image ` +
      `(${listed(missing)}); data.classes or data.train may be wrong`,
  );
}
