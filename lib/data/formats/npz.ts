/**
 * A data set of four NumPy arrays, images and labels for training and for test: in one `.npz`
 * file, or each in an `.npy` file of a folder.
 *
 * @module
 */
import { basename } from "node:path";
import { DataError } from "../../core/errors.ts";
import { type NumpyArchive, openNpyFolder, openNpzFile } from "./numpy_archive.ts";
import type { DataRecipe, Split, UnnormalizedDataset } from "../dataset.ts";
import { memorySplit } from "../in_memory.ts";
import { findPath } from "../paths/find_data.ts";
import { type NpyArray, parseNpy } from "./npy.ts";
import { imageLayout, npyImages } from "./npy_images.ts";
import { npyLabels, shapeText } from "./npy_labels.ts";
import { highestLabel, takeFirst } from "./subset.ts";

/**
 * Reads and checks the four arrays. Their names are those of {@link namesOf}, in either case.
 *
 * @throws {DataError} when an array is missing or damaged, or does not fit the recipe
 */
export async function openNpz({ data, pathScope }: DataRecipe): Promise<UnnormalizedDataset> {
  const { path, folder, policy } = await findPath(
    data.root,
    pathScope,
    "an .npz file or a folder of .npy files",
  );
  const packed = folder ? undefined : await policy.checkFiles(path, [path]);
  using files = folder ? await openNpyFolder(path) : await openNpzFile(path);
  const found = { train: findPair(files, "train"), test: findPair(files, "test") };
  const pairs = Object.values(found).flatMap(({ images, labels }) => [images, labels]);
  const read = packed ??
    await policy.checkFiles(path, pairs.map((name) => files.location(name)));
  const train = await readPair(files, found.train);
  const test = await readPair(files, found.test);
  const layout = imageLayout(train.images, data);
  checkTest(test.images, train.images);
  const labels = {
    train: npyLabels(train.labels, data.classes),
    test: npyLabels(test.labels, data.classes),
  };
  const make = (split: "train" | "test", { images }: Pair<NpyArray>): Split =>
    memorySplit(
      takeFirst(
        { images: npyImages(images, layout), labels: labels[split] },
        data[split],
        `data.${split}`,
        images.location,
      ),
    );
  return {
    name: basename(path).replace(/\.npz$/i, ""),
    classes: data.classes || Math.max(highestLabel(labels.train, labels.test) + 1, 2),
    shape: layout.shape,
    train: make("train", train),
    test: make("test", test),
    files: read,
  };
}

interface Pair<T> {
  readonly images: T;
  readonly labels: T;
}

/** The names that an array may have, in either case. */
function namesOf(split: "train" | "test", what: "images" | "labels"): string[] {
  const letter = what === "images" ? "x" : "y";
  return [`${letter}_${split}`, `${split}_${letter}`, `${split}_${what}`, `${what}_${split}`];
}

function findPair(files: NumpyArchive, split: "train" | "test"): Pair<string> {
  return { images: find(files, split, "images"), labels: find(files, split, "labels") };
}

function find(files: NumpyArchive, split: "train" | "test", what: "images" | "labels"): string {
  const accepted = namesOf(split, what);
  for (const name of accepted) {
    const found = files.names.find((there) => there.toLowerCase() === name);
    if (found !== undefined) return found;
  }
  const { names } = files;
  const some = names.slice(0, 8).join(", ") + (names.length > 8 ? ", …" : "");
  throw new DataError(
    `${files.path}: expected an array named ${accepted.join(", ")}, got ` +
      `${names.length === 0 ? "no .npy file" : some}; save it under one of these names`,
  );
}

async function readPair(files: NumpyArchive, names: Pair<string>): Promise<Pair<NpyArray>> {
  const read = async (name: string) => parseNpy(await files.read(name), files.location(name));
  const images = await read(names.images);
  const labels = await read(names.labels);
  if (images.dims[0] !== labels.dims[0]) {
    throw new DataError(
      `${labels.location}: byte ${labels.header}: expected ${
        images.dims[0] ?? 0
      } labels, one for each image of ` +
        `${images.location}, got ${labels.dims[0] ?? 0}; save the two together`,
    );
  }
  return { images, labels };
}

/** Test images must have the type and size of training images. */
function checkTest(test: NpyArray, train: NpyArray): void {
  if (test.dims[0] === 0) {
    throw new DataError(
      `${test.location}: byte ${test.header}: expected at least one image, got ${
        shapeText(test.dims)
      }; ` +
        `save some for the test`,
    );
  }
  if (test.type === train.type && `${test.dims.slice(1)}` === `${train.dims.slice(1)}`) return;
  throw new DataError(
    `${test.location}: byte ${test.header}: expected images of type and size as in ${train.location}, ` +
      `${train.type} ${shapeText(train.dims)}, got ${test.type} ${shapeText(test.dims)}; ` +
      `save both in the same way`,
  );
}
