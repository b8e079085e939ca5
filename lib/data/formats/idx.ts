/**
 * A data set of four IDX files, plain or gzip, as MNIST and Fashion-MNIST are published: images
 * and labels, for training and for test. Images are grey: one channel.
 *
 * @module
 */
import { basename } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { DataRecipe, LabelledImages, UnnormalizedDataset } from "../dataset.ts";
import { memorySplit } from "../in_memory.ts";
import { findFile, findFolder } from "../paths/find_data.ts";
import { idxBodyOffset, type IdxFile, idxLocation, readIdxFile } from "./idx_file.ts";
import { highestLabel, takeFirst } from "./subset.ts";

/**
 * Reads and checks the four files.
 *
 * @throws {DataError} when a file is missing or damaged, or does not fit the recipe
 */
export async function openIdx({ data, pathScope }: DataRecipe): Promise<UnnormalizedDataset> {
  const { path: root, policy } = await findFolder(data.root, pathScope);
  const paths = {
    train: await findPair(root, "train"),
    test: await findPair(root, "t10k"),
  };
  const files = await policy.checkFiles(
    root,
    Object.values(paths).flatMap((pair) => Object.values(pair)),
  );
  const train = await readPair(paths.train);
  const test = await readPair(paths.test);
  const size = sizeOf(train.images);
  checkSize(test.images, size, `as in ${train.images.path}`);
  if (data.size[0] > 0 && `${data.size}` !== `${size}`) {
    throw new DataError(
      `data.size: expected ${size.join("×")}, as in ${train.images.path}, ` +
        `got ${data.size.join("×")}; correct it or leave it out`,
    );
  }
  const classes = data.classes || highestLabel(train.labels.body, test.labels.body) + 1;
  checkLabels(train.labels, classes);
  checkLabels(test.labels, classes);
  return {
    name: basename(root),
    classes,
    shape: [size[0], size[1], 1],
    train: memorySplit(takeFirst(bodies(train), data.train, "data.train", train.images.path)),
    test: memorySplit(takeFirst(bodies(test), data.test, "data.test", test.images.path)),
    files,
  };
}

interface Pair<T> {
  readonly images: T;
  readonly labels: T;
}

/** `train-images-idx3-ubyte`, also with a point before `idx3`, as some archives name it. */
async function findPair(root: string, split: string): Promise<Pair<string>> {
  const names = (stem: string, dims: number) =>
    ["-", "."].flatMap((mark) => {
      const name = `${split}-${stem}${mark}idx${dims}-ubyte`;
      return [name, `${name}.gz`];
    });
  return {
    images: await findFile(root, names("images", 3)),
    labels: await findFile(root, names("labels", 1)),
  };
}

async function readPair(paths: Pair<string>): Promise<Pair<IdxFile>> {
  const labels = await readIdxFile(paths.labels, "labels");
  const images = await readIdxFile(paths.images, "images");
  const [found] = labels.dims;
  const [expected] = images.dims;
  if (found !== expected) {
    throw new DataError(
      `${idxLocation(labels, 4)}: expected ${expected} labels, one for each image of ` +
        `${images.path}, got ${found}; get both files from the same place`,
    );
  }
  return { images, labels };
}

function sizeOf(images: IdxFile): readonly [h: number, w: number] {
  return [images.dims[1]!, images.dims[2]!];
}

function checkSize(images: IdxFile, size: readonly [number, number], why: string): void {
  const found = sizeOf(images);
  if (`${found}` === `${size}`) return;
  throw new DataError(
    `${idxLocation(images, 8)}: expected images of ${size.join("×")}, ${why}, ` +
      `got ${found.join("×")}; get both files from the same place`,
  );
}

function checkLabels(labels: IdxFile, classes: number): void {
  const index = labels.body.findIndex((label) => label >= classes);
  if (index < 0) return;
  throw new DataError(
    `${idxLocation(labels, idxBodyOffset("labels") + index)}: expected a label below ${classes}, ` +
      `the number of classes, got ${labels.body[index]} at image ${index}; ` +
      `correct data.classes or the file`,
  );
}

function bodies({ images, labels }: Pair<IdxFile>): LabelledImages {
  return { images: images.body, labels: labels.body };
}
