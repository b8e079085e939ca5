/**
 * Folders of images: a folder for each class, in one of the layouts of {@link findTree}. Files are
 * found when the data is opened, and decoded when training asks for them.
 *
 * @module
 */
import { largest } from "../../core/min_max.ts";
import { basename } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { DataRecipe, UnnormalizedDataset } from "../dataset.ts";
import { FileWarnings } from "../file_warnings.ts";
import { notEnoughImages } from "../formats/subset.ts";
import { findFolder } from "../paths/find_data.ts";
import { displayNames } from "./class_names.ts";
import { FolderSplit, imageCache } from "./split.ts";
import { findTree, type ImagesByClass } from "./tree.ts";

/** Maximum bytes of decoded images that are kept in memory, of both splits together. */
const MAX_CACHE = 512 * 2 ** 20;

/**
 * Finds the images.
 *
 * @param progress called now and then with how far a long listing is
 * @throws {DataError} when the folder is missing, its layout is not understood, or it does not fit
 * the recipe
 */
export async function openFolder(
  { data, seed, pathScope }: DataRecipe,
  warn: (text: string) => void,
  progress?: (text: string) => void,
): Promise<UnnormalizedDataset> {
  const { path: root, policy } = await findFolder(data.root, pathScope);
  const tree = await findTree(root, { holdout: data.holdout, seed, warn, progress, policy });
  const paths = [...tree.train, ...tree.test].flat();
  const files = await policy.checkFiles(root, paths);
  const classes = tree.classNames.length;
  if (data.classes !== 0 && data.classes !== classes) {
    throw new DataError(
      `data.classes: expected ${classes}, the folders in ${tree.classesIn}, got ` +
        `${data.classes}; correct it or leave it out`,
    );
  }
  const shape = [...data.size, data.channels] as const, opened = Date.now();
  const fileWarnings = new FileWarnings(warn);
  let room = MAX_CACHE;
  const open = (split: "train" | "test"): FolderSplit => {
    const most = data[split], { paths, labels } = roundRobin(tree[split], most);
    if (paths.length < most) throw notEnoughImages(paths.length, most, `data.${split}`, root);
    const cache = imageCache(paths.length, shape, room);
    room -= cache?.pixels.length ?? 0;
    const onBadImage = data.on_bad_image;
    const images = { paths, labels, shape, onBadImage, opened, ...(cache ? { cache } : {}) };
    return new FolderSplit(images, fileWarnings.add);
  };
  return {
    name: basename(root),
    classes,
    classNames: await displayNames(root, tree.classNames, policy),
    shape,
    train: open("train"),
    test: open("test"),
    layout: tree.layout,
    heldOut: tree.heldOut,
    fileWarnings,
    files,
  };
}

/** The first image of each class, then the second, …: the first so many are of all classes. */
function roundRobin(images: ImagesByClass, most: number): { paths: string[]; labels: Uint32Array } {
  const paths: string[] = [], labels: number[] = [];
  const longest = largest(images.map((list) => list.length));
  for (let turn = 0; turn < longest; turn++) {
    for (const [label, list] of images.entries()) {
      if (list[turn] === undefined) continue;
      if (most > 0 && paths.length === most) return { paths, labels: Uint32Array.from(labels) };
      paths.push(list[turn]!);
      labels.push(label);
    }
  }
  return { paths, labels: Uint32Array.from(labels) };
}
