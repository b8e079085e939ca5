/**
 * Which folders hold the classes and which the splits: `train/CLASS/…` and `val/CLASS/…` as ImageNet
 * is laid out, `val/val_annotations.txt` as Tiny ImageNet is, or only `CLASS/…`.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../../core/errors.ts";
import { readAnnotations } from "./tiny_imagenet.ts";
import { look, readText } from "../paths/stat.ts";
import type { Guard } from "../paths/path_policy.ts";
import { foldersIn, imagesBelow, type SkippedExtensions } from "./list.ts";
import { key, mix, PURPOSE } from "../counter_rng.ts";

/** The images of a split, by class. */
export type ImagesByClass = readonly (readonly string[])[];

/** A folder of images. */
export interface Tree {
  /** The folder that holds a folder for each class. */
  readonly classesIn: string;
  /** Names of classes, sorted: their folders. */
  readonly classNames: readonly string[];
  /** Paths of training images by class. */
  readonly train: ImagesByClass;
  /** Paths of test images by class. */
  readonly test: ImagesByClass;
}

/** How to take a folder apart. */
export interface TreeOptions {
  /** Share of each class that is kept for the test, where the folder has no split for it. */
  readonly holdout: number;
  /** Decides which images these are. */
  readonly seed: number;
  /** Hears of what is odd. */
  readonly warn: (text: string) => void;
  /** What may be read of it. */
  readonly guard: Guard;
}

/** Folders of the split that accuracy is measured on; the first that is there. */
const TESTS = ["val", "validation", "valid", "test"];

/**
 * Finds the images of a folder. None of them is looked at.
 *
 * @throws {DataError} when there are fewer than two classes, a class has no training image, or the
 * test split has a class that training lacks
 */
export async function findTree(root: string, options: TreeOptions): Promise<Tree> {
  const leftOut: SkippedExtensions = new Map();
  const trainIn = await subfolder(root, "train");
  const testIn = trainIn && await firstOf(root, TESTS);
  const classesIn = trainIn ?? root;
  const classNames = await foldersIn(classesIn);
  await checkNames(root, classesIn, classNames, options.guard);
  const all: string[][] = [];
  for (const name of classNames) {
    const others: SkippedExtensions = new Map();
    const images = await imagesBelow(join(classesIn, name), others, options.guard);
    if (images.length === 0) throw emptyClass(join(classesIn, name), others);
    for (const [ending, count] of others) leftOut.set(ending, (leftOut.get(ending) ?? 0) + count);
    all.push(images);
  }
  const { train, test } = testIn
    ? { train: all, test: await testImages(testIn, classesIn, classNames, leftOut, options.guard) }
    : holdOut(all, classesIn, options);
  warnOfLeftOut(root, leftOut, options.warn);
  warnOfUntested(testIn ?? root, classNames, test, options.warn);
  return { classesIn, classNames, train, test };
}

/** `root/name`, where that is a folder that holds folders; a class may be called "train" too. */
async function subfolder(root: string, name: string): Promise<string | undefined> {
  const path = join(root, name);
  if (!(await look(path))?.isDirectory) return undefined;
  return (await foldersIn(path)).length > 0 ? path : undefined;
}

async function firstOf(root: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    if ((await look(join(root, name)))?.isDirectory) return join(root, name);
  }
  return undefined;
}

async function checkNames(
  root: string,
  path: string,
  names: readonly string[],
  guard: Guard,
): Promise<void> {
  if (names.length < 2) {
    throw new DataError(
      `${path}: expected a folder of images for each of two or more classes (or train and val ` +
        `with one for each), found ${names[0] ? `only ${names[0]}` : "no folder"}; ` +
        `make them, or correct data.root`,
    );
  }
  const known = join(root, "wnids.txt");
  if (!(await look(known))?.isFile) return;
  await guard.check(known);
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

/** The line, from 1, that a word first stands on. */
function lineOf(text: string, word: string): number {
  return text.split("\n").findIndex((line) => line.split(/\s+/).includes(word)) + 1;
}

function emptyClass(path: string, others: SkippedExtensions): DataError {
  return new DataError(
    `${path}: expected JPEG or PNG images of this class, found ` +
      (others.size > 0
        ? `only others (${kindsOf(others)}); convert them, or remove the folder`
        : `none; add some, or remove the folder`),
  );
}

/** Endings and how many of each. */
function kindsOf(leftOut: SkippedExtensions): string {
  return [...leftOut].map(([ending, count]) => `${ending}: ${count}`).sort().join(", ");
}

async function testImages(
  path: string,
  classesIn: string,
  classNames: readonly string[],
  leftOut: SkippedExtensions,
  guard: Guard,
): Promise<string[][]> {
  const annotations = join(path, "val_annotations.txt");
  if ((await look(annotations))?.isFile) return readAnnotations(annotations, classNames, guard);
  const there = await foldersIn(path);
  const unknown = there.filter((name) => !classNames.includes(name));
  if (unknown.length > 0) {
    throw new DataError(
      `${join(path, unknown[0]!)}: expected only classes that ${classesIn} has, found ` +
        `${some(unknown)}; add training images of it, or remove the folder`,
    );
  }
  const images = [];
  for (const name of classNames) {
    images.push(there.includes(name) ? await imagesBelow(join(path, name), leftOut, guard) : []);
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
 * Takes a share of each class away for the test: those whose names hash lowest, so that images which
 * are added later move few others to the other side.
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
        `found one of each; add more`,
    );
  }
  return { train, test };
}

/** Of a name below the classes' folder, whatever separates folders there. */
function hashOf(name: string, seed: number): number {
  let hash = key(PURPOSE.holdout, seed);
  for (const unit of name.replaceAll("\\", "/")) hash = mix(hash ^ unit.codePointAt(0)!);
  return hash;
}

function warnOfLeftOut(root: string, leftOut: SkippedExtensions, warn: TreeOptions["warn"]): void {
  const count = [...leftOut.values()].reduce((sum, n) => sum + n, 0);
  if (count === 0) return;
  warn(
    `${root}: ${count} images are left out, as only JPEG and PNG are read (${kindsOf(leftOut)})`,
  );
}

function warnOfUntested(
  place: string,
  names: readonly string[],
  test: ImagesByClass,
  warn: TreeOptions["warn"],
): void {
  const without = names.filter((_, label) => test[label]!.length === 0);
  if (without.length === 0) return;
  warn(
    `${place}: ${without.length} of ${names.length} classes have no test image ` +
      `(${some(without)})`,
  );
}

function some(names: readonly string[]): string {
  return names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
}
