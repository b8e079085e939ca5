/**
 * Finds the folders of classes and of splits: `train/CLASS/…` and `val/CLASS/…` as ImageNet
 * is laid out, `val/val_annotations.txt` as Tiny ImageNet is, or only `CLASS/…`.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../../core/errors.ts";
import { readTestImages } from "./tiny_imagenet.ts";
import { readText, stat } from "../paths/stat.ts";
import type { PathPolicy } from "../paths/path_policy.ts";
import { foldersIn, imagesBelow, type SkippedExtensions } from "./list.ts";
import { key, mix, PURPOSE } from "../counter_rng.ts";

/** The images of a split, by class. */
export type ImagesByClass = readonly (readonly string[])[];

/** A folder of images. */
interface FolderTree {
  /** The folder that holds a folder for each class. */
  readonly classesIn: string;
  /** Names of classes, sorted: their folders. */
  readonly classNames: readonly string[];
  /** Paths of training images by class. */
  readonly train: ImagesByClass;
  /** Paths of test images by class. */
  readonly test: ImagesByClass;
}

/** How to split a folder into training and test images. */
interface TreeOptions {
  /** Share of each class that is held out for the test if the folder has no test split. */
  readonly holdout: number;
  /** Seed that selects the images held out. */
  readonly seed: number;
  /** Called with each warning. */
  readonly warn: (text: string) => void;
  /** Checks paths before they are read. */
  readonly policy: PathPolicy;
}

/** Names of the folder of the test split; the first that exists is taken. */
const TEST_FOLDERS = ["val", "validation", "valid", "test"];

/**
 * Finds the images of a folder, without reading them.
 *
 * @throws {DataError} when there are fewer than two classes, a class has no training image, or the
 * test split has a class that training lacks
 */
export async function findTree(root: string, options: TreeOptions): Promise<FolderTree> {
  const skipped: SkippedExtensions = new Map();
  const trainIn = await subfolder(root, "train");
  const testIn = trainIn && await firstOf(root, TEST_FOLDERS);
  const classesIn = trainIn ?? root;
  const classNames = await foldersIn(classesIn);
  await checkNames(root, classesIn, classNames, options.policy);
  const all: string[][] = [];
  for (const name of classNames) {
    const others: SkippedExtensions = new Map();
    const images = await imagesBelow(join(classesIn, name), others, options.policy);
    if (images.length === 0) throw emptyClass(join(classesIn, name), others);
    for (const [extension, count] of others) {
      skipped.set(extension, (skipped.get(extension) ?? 0) + count);
    }
    all.push(images);
  }
  const { train, test } = testIn
    ? { train: all, test: await testImages(testIn, classesIn, classNames, skipped, options.policy) }
    : holdOut(all, classesIn, options);
  warnOfSkipped(root, skipped, options.warn);
  warnOfUntested(testIn ?? root, classNames, test, options.warn);
  return { classesIn, classNames, train, test };
}

/** `root/name` if it is a folder that contains folders; a class may be called "train" too. */
async function subfolder(root: string, name: string): Promise<string | undefined> {
  const path = join(root, name);
  if (!(await stat(path))?.isDirectory) return undefined;
  return (await foldersIn(path)).length > 0 ? path : undefined;
}

async function firstOf(root: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    if ((await stat(join(root, name)))?.isDirectory) return join(root, name);
  }
  return undefined;
}

async function checkNames(
  root: string,
  path: string,
  names: readonly string[],
  policy: PathPolicy,
): Promise<void> {
  if (names.length < 2) {
    throw new DataError(
      `${path}: expected a folder of images for each of two or more classes (or train and val ` +
        `with one for each), got ${names[0] ? `only ${names[0]}` : "no folder"}; ` +
        `make them, or correct data.root`,
    );
  }
  const known = join(root, "wnids.txt");
  if (!(await stat(known))?.isFile) return;
  await policy.check(known);
  const text = await readText(known);
  const listed = text.split(/\s+/).filter((name) => name !== "");
  const missing = listed.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new DataError(
      `${known}:${
        lineOf(text, missing[0]!)
      }: expected a folder in ${path} for each class it names, found none for ` +
        `${some(missing)}; unpack the data set again, or correct the file`,
    );
  }
}

/** The first line, from 1, that contains a word. */
function lineOf(text: string, word: string): number {
  return text.split("\n").findIndex((line) => line.split(/\s+/).includes(word)) + 1;
}

function emptyClass(path: string, others: SkippedExtensions): DataError {
  return new DataError(
    `${path}: expected JPEG or PNG images of this class, ` +
      (others.size > 0
        ? `got only others (${kindsOf(others)}); convert them, or remove the folder`
        : `found none; add some, or remove the folder`),
  );
}

/** The extensions, each with its count. */
function kindsOf(skipped: SkippedExtensions): string {
  return [...skipped].map(([extension, count]) => `${extension}: ${count}`).sort().join(", ");
}

async function testImages(
  path: string,
  classesIn: string,
  classNames: readonly string[],
  skipped: SkippedExtensions,
  policy: PathPolicy,
): Promise<string[][]> {
  const annotations = join(path, "val_annotations.txt");
  if ((await stat(annotations))?.isFile) return readTestImages(annotations, classNames, policy);
  const there = await foldersIn(path);
  const unknown = there.filter((name) => !classNames.includes(name));
  if (unknown.length > 0) {
    throw new DataError(
      `${join(path, unknown[0]!)}: expected only classes that ${classesIn} has, got ` +
        `${some(unknown)}; add training images of it, or remove the folder`,
    );
  }
  const images = [];
  for (const name of classNames) {
    images.push(there.includes(name) ? await imagesBelow(join(path, name), skipped, policy) : []);
  }
  if (images.every((list) => list.length === 0)) {
    throw new DataError(
      `${path}: expected images to measure accuracy on, in a folder for each class, found none; ` +
        `add some, or remove the folder to hold out a share of the training images`,
    );
  }
  return images;
}

/**
 * Holds out a share of each class for the test: the images whose names hash lowest, so that images
 * added later move few others between the splits.
 */
function holdOut(
  all: ImagesByClass,
  classesIn: string,
  { holdout, seed }: TreeOptions,
): { train: ImagesByClass; test: ImagesByClass } {
  const train: string[][] = [], test: string[][] = [];
  for (const images of all) {
    const away = Math.min(Math.max(Math.round(images.length * holdout), 1), images.length - 1);
    const hash = new Map(images.map((path) => [path, hashOf(path.slice(classesIn.length), seed)]));
    const kept = new Set(
      [...images].sort((a, b) => hash.get(a)! - hash.get(b)!).slice(0, away),
    );
    train.push(images.filter((path) => !kept.has(path)));
    test.push(images.filter((path) => kept.has(path)));
  }
  if (test.every((list) => list.length === 0)) {
    throw new DataError(
      `${classesIn}: expected at least two images of a class, one of them to measure accuracy on, ` +
        `got one of each; add more`,
    );
  }
  return { train, test };
}

/** The hash of a path below the folder of classes, the same for either path separator. */
function hashOf(name: string, seed: number): number {
  let hash = key(PURPOSE.holdout, seed);
  for (const unit of name.replaceAll("\\", "/")) hash = mix(hash ^ unit.codePointAt(0)!);
  return hash;
}

function warnOfSkipped(root: string, skipped: SkippedExtensions, warn: TreeOptions["warn"]): void {
  const count = [...skipped.values()].reduce((sum, n) => sum + n, 0);
  if (count === 0) return;
  warn(
    `${root}: ${count} images are skipped, as only JPEG and PNG are supported (${
      kindsOf(skipped)
    })`,
  );
}

function warnOfUntested(
  folder: string,
  names: readonly string[],
  test: ImagesByClass,
  warn: TreeOptions["warn"],
): void {
  const without = names.filter((_, label) => test[label]!.length === 0);
  if (without.length === 0) return;
  warn(
    `${folder}: ${without.length} of ${names.length} classes have no test image ` +
      `(${some(without)})`,
  );
}

function some(names: readonly string[]): string {
  return names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
}
