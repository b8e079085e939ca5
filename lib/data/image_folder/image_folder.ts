/**
 * Folders of images: a folder for each class, in one of the layouts of {@link findTree}. Files are
 * found when the data is opened, and decoded when training asks for them.
 *
 * @module
 */
import { basename } from "node:path";
import { DataError } from "../../core/errors.ts";
import { findRoot } from "../paths/find_data.ts";
import { type FolderSplit, folderSplit, imageCache } from "./split.ts";
import { findTree, type ImagesByClass } from "./tree.ts";
import type { OpenedSplits } from "../raw_dataset.ts";
import { type DataRecipe, wantedSize } from "../recipe.ts";
import { notEnoughImages } from "../formats/subset.ts";
import { someOf } from "../paths/file_fingerprint.ts";
import { withWords } from "./class_names.ts";

/** Height and width of images where the recipe has none: what published networks take. */
const SIDE = 224;
/** Bytes of decoded images that are kept in memory, of both splits together. */
const CACHE = 512 * 2 ** 20;

/** Share of each class that is held out for the test, where the recipe does not say. */
export const HOLDOUT = 0.1;

/**
 * Finds the images.
 *
 * @throws {DataError} when the folder is missing, its layout is not understood, or it does not fit
 * the recipe
 */
export async function openFolder(
  recipe: DataRecipe,
  warn: (text: string) => void,
): Promise<OpenedSplits> {
  const channels = recipe.channels || 3;
  if (channels !== 1 && channels !== 3) {
    throw new DataError(
      `data.channels: expected 1 (grey) or 3 (colour), found ${channels}; correct it or leave it out`,
    );
  }
  const [h, w] = wantedSize(recipe.size) ?? [SIDE, SIDE];
  const { path: root, guard } = await findRoot(recipe);
  const tree = await findTree(root, {
    holdout: recipe.holdout ?? HOLDOUT,
    seed: recipe.seed ?? 1,
    warn,
    guard,
  });
  const paths = [...tree.train, ...tree.test].flat();
  const stamps = await guard.admit(someOf(paths));
  const classes = tree.classNames.length;
  if (recipe.classes !== 0 && recipe.classes !== classes) {
    throw new DataError(
      `data.classes: expected ${classes}, the folders in ${tree.classesIn}, found ` +
        `${recipe.classes}; correct it or leave it out`,
    );
  }
  const opened = Date.now();
  let room = CACHE;
  const open = (images: ImagesByClass, most: number, field: string): FolderSplit => {
    const { paths, labels } = roundRobin(images, most);
    if (paths.length < most) throw notEnoughImages(paths.length, most, field, root);
    const shape = [h, w, channels] as const;
    const cache = imageCache(paths.length, shape, room);
    room -= cache?.pixels.length ?? 0;
    const onBadImage = recipe.on_bad_image ?? "fail";
    return folderSplit(
      { kind: "folder", paths, labels, shape, onBadImage, opened, ...(cache ? { cache } : {}) },
      { warn },
    );
  };
  return {
    name: basename(root),
    classes,
    classNames: await withWords(root, tree.classNames, guard),
    shape: [h, w, channels],
    train: open(tree.train, recipe.train, "data.train"),
    test: open(tree.test, recipe.test, "data.test"),
    files: { root, stamps },
  };
}

/** The first image of each class, then the second, …: the first so many are of all classes. */
function roundRobin(images: ImagesByClass, most: number): { paths: string[]; labels: Uint32Array } {
  const paths: string[] = [], labels: number[] = [];
  const longest = Math.max(...images.map((list) => list.length));
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
