/**
 * Lists the images of each class and split: of `train/CLASS/…` and `val/CLASS/…` as ImageNet is laid
 * out, with `val/val_annotations.txt` as Tiny ImageNet is, or only of `CLASS/…`.
 *
 * @module
 */
import { basename, join, relative } from "node:path";
import { DataError } from "../../core/errors.ts";
import { percent, withThousands } from "../../core/format.ts";
import { listed, shellWord, visible } from "../../core/text.ts";
import { key, mix, PURPOSE } from "../counter_rng.ts";
import type { PathPolicy } from "../paths/path_policy.ts";
import { readLines, stat } from "../paths/stat.ts";
import { alike, ANNOTATIONS, findLayout, holdsTrainingSplit, type Layout } from "./layout.ts";
import { FolderLister, LeftOut } from "./list.ts";
import { readTestImages } from "./tiny_imagenet.ts";

/** The images of a split, by class. */
export type ImagesByClass = readonly (readonly string[])[];

/** A folder of images. */
interface FolderTree {
  /** The folder that holds a folder for each class. */
  readonly classesIn: string;
  /** Names of classes, sorted: those of their folders, in Unicode's composed form (NFC). */
  readonly classNames: readonly string[];
  /** Paths of training images by class. */
  readonly train: ImagesByClass;
  /** Paths of test images by class. */
  readonly test: ImagesByClass;
  /** How the folder was read, in words. */
  readonly layout: string;
  /** Whether the test images were held out of the training images. */
  readonly heldOut: boolean;
}

/** How to split a folder into training and test images. */
interface TreeOptions {
  /** Share of each class that is held out for the test if the folder has no test split. */
  readonly holdout: number;
  /** Seed that selects the images held out. */
  readonly seed: number;
  /** Called with each warning. */
  readonly warn: (text: string) => void;
  /** Called now and then with how far a long listing is. */
  readonly progress?: ((text: string) => void) | undefined;
  /** Checks paths before they are read. */
  readonly policy: PathPolicy;
}

/** A folder of a class. */
interface ClassFolder {
  readonly name: string;
  readonly path: string;
  /** Path without links. */
  readonly real: string;
  readonly images: readonly string[];
  /** Names of the folders in it. */
  readonly folders: readonly string[];
  /** Whether images lie directly in it. */
  readonly direct: boolean;
  readonly leftOut: LeftOut;
}

/**
 * Finds the images of a folder, without reading them.
 *
 * @throws {DataError} when it is not understood, there are fewer than two classes, a class has no
 * training image, or the test split has a class that training lacks
 */
export async function findTree(root: string, options: TreeOptions): Promise<FolderTree> {
  const { policy, warn } = options, lister = new FolderLister(options), leftOut = new LeftOut();
  const layout = await findLayout(root, lister), { classesIn, testIn } = layout;
  for (const path of new Set([root, classesIn, ...(testIn ? [testIn] : [])])) {
    if (path !== testIn || !await annotations(testIn)) await lister.shape(path, leftOut);
  }
  for (const path of layout.unread) leftOut.add("folder", path);
  const classes = await classesOf(classesIn, lister);
  const [first, second] = classes;
  const [nested, ...more] = classes.filter(({ images }) => images.length > 0);
  if (!second) throw await tooFew(classesIn, first, leftOut);
  // Photos in one folder, and what belongs to them in others.
  if (nested && more.length === 0 && !nested.direct && nested.folders.length > 1) {
    throw await tooFew(classesIn, nested, leftOut);
  }
  for (const found of classes) leftOut.merge(found.leftOut);
  checkClasses(root, classesIn, classes);
  const classNames = classes.map(({ name }) => name);
  await checkListed(root, classesIn, classNames, policy);
  warnOfNestedNames(root, classes, warn);
  const all = classes.map(({ images }) => images);
  const { train, test } = testIn === undefined
    ? holdOut(all, classesIn, options)
    : { train: all, test: await testImages(testIn, classesIn, classes, lister, leftOut, options) };
  const left = leftOut.describe(root);
  if (left) warn(`${root}: left out ${left}`);
  warnOfUntested(testIn ?? root, classNames, test, warn);
  const words = describeLayout(root, layout, classes, options.holdout);
  return { classesIn, classNames, train, test, layout: words, heldOut: testIn === undefined };
}

async function annotations(path: string): Promise<string | undefined> {
  const list = join(path, ANNOTATIONS);
  return (await stat(list))?.isFile ? list : undefined;
}

/** The classes in a folder, by name; without those that training made. */
async function classesOf(path: string, lister: FolderLister): Promise<ClassFolder[]> {
  const classes = new Map<string, ClassFolder>();
  for (const folder of (await lister.shape(path)).folders) {
    const { ownOutput, ...found } = await lister.images(join(path, folder));
    if (ownOutput) continue;
    const name = folder.normalize("NFC"), before = classes.get(name);
    if (before) {
      throw new DataError(
        `${path}: expected folders with different names, got two that look the same: ${
          visible(basename(before.path))
        } and ${visible(folder)} (the letters are stored in other forms); put the images of both ` +
          `into one`,
      );
    }
    classes.set(name, { name, path: join(path, folder), ...found });
  }
  return [...classes.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** @throws {DataError} when these are not classes, one has no images, or two have the same */
function checkClasses(root: string, classesIn: string, classes: readonly ClassFolder[]): void {
  const splits = classes.filter(({ direct, folders, images }) =>
    !direct && images.length > 0 && holdsTrainingSplit(folders)
  );
  const [split] = splits;
  if (split && splits.length < classes.length && split.folders.length > 1) {
    throw new DataError(
      `${root}: expected classes, got ${visible(split.name)}, which holds splits ` +
        `(${listed(split.folders)}); give ${shellWord(`data.root=${split.path}`)} to use them`,
    );
  }
  if (splits.length === classes.length) {
    const [{ name, folders }] = classes as [ClassFolder], shown = visible(name);
    throw new DataError(
      `${root}: expected folders of splits with a folder for each class in them, got it the other way ` +
        `round, such as ${shown}/${visible(folders[0]!)}; move the images to folders such as ` +
        `train/${shown} and val/${shown}`,
    );
  }
  const reals = new Map<string, string>();
  for (const { name, path, real, images, leftOut } of classes) {
    if (images.length === 0) throw emptyClass(path, leftOut);
    const same = reals.get(real);
    if (same !== undefined) {
      throw new DataError(
        `${classesIn}: expected other images for each class, got the same folder for ` +
          `${listed([same, name])}: links that lead to ${real}; remove one of them`,
      );
    }
    reals.set(real, name);
  }
}

async function tooFew(
  path: string,
  only: ClassFolder | undefined,
  leftOut: LeftOut,
): Promise<DataError> {
  const refuse = (got: string, remedy: string) =>
    new DataError(
      `${path}: expected a folder of images for each of two or more classes (or train and val with ` +
        `one for each), got ${got}; ${remedy}`,
    );
  const left = leftOut.describe(path), remedy = "make them, or correct data.root";
  if (only && !only.direct && only.folders.length > 1) {
    const one = visible(only.name), data = shellWord(`data.root=${only.path}`);
    return refuse(
      `only ${one}, which holds folders (${listed(only.folders)})`,
      `give ${data} if these are the classes, or make a folder for each class`,
    );
  }
  if (only) return refuse(`only ${visible(only.name)}${left ? ` beside ${left}` : ""}`, remedy);
  const texts = listed(await linksAsText(path));
  if (texts === "") {
    const { archiveIn } = await import("../paths/archive.ts");
    return refuse(left ? `only ${left}` : "no folder", remedy + await archiveIn(path));
  }
  return refuse(
    `text files in place of links (${texts}), as Git writes them where it may not make links`,
    `put the folders themselves there`,
  );
}

/** Files in a folder that hold the path of a folder: Git writes links so where it may not make them. */
async function linksAsText(path: string): Promise<string[]> {
  const found = [];
  for await (const { name, isFile } of Deno.readDir(path)) {
    const file = join(path, name), size = isFile ? (await stat(file))?.size ?? 0 : 0;
    if (size === 0 || size > 1024 || found.length > 5) continue;
    const [target, ...more] = await readLines(file);
    if (more.length === 0 && (await stat(join(path, target!)))?.isDirectory) found.push(name);
  }
  return found.sort();
}

function emptyClass(path: string, leftOut: LeftOut): DataError {
  const left = leftOut.describe(path), remedy = leftOut.has("kind") ? "convert them" : "add some";
  const got = left === undefined ? "none" : `only ${left}`;
  return new DataError(
    `${path}: expected images of this class, got ${got}; ${remedy}, or remove the folder`,
  );
}

/** @throws {DataError} when `wnids.txt` names a class that has no folder */
async function checkListed(
  root: string,
  classesIn: string,
  names: readonly string[],
  policy: PathPolicy,
): Promise<void> {
  const known = join(root, "wnids.txt");
  if (!(await stat(known))?.isFile) return;
  await policy.check(known);
  const there = new Set(names);
  const lines = (await readLines(known)).map((line) => line.trim().normalize("NFC"));
  const missing = lines.filter((name) => name !== "" && !there.has(name));
  if (missing.length === 0) return;
  const line = lines.indexOf(missing[0]!) + 1;
  throw new DataError(
    `${known}:${line}: expected a folder in ${classesIn} for each class it names, found none for ` +
      `${listed(missing)}; unpack the data set again, or correct the file`,
  );
}

/** Test images by class. Counts in `leftOut` what is not read. */
async function testImages(
  path: string,
  classesIn: string,
  classes: readonly ClassFolder[],
  lister: FolderLister,
  leftOut: LeftOut,
  { policy, warn }: TreeOptions,
): Promise<ImagesByClass> {
  const list = await annotations(path);
  if (list !== undefined) {
    const names = classes.map(({ name }) => name);
    return await readTestImages(list, names, policy, lister, leftOut);
  }
  const there = (await classesOf(path, lister)).filter(({ images }) => images.length > 0);
  const labels = new Map(classes.map(({ name }, label) => [name, label]));
  const unknown = there.filter(({ name }) => !labels.has(name));
  if (unknown.length > 0) throw unknownClasses(unknown, classesIn, classes);
  if (there.length === 0) {
    const { images } = await lister.shape(path);
    throw new DataError(
      `${path}: expected images to measure accuracy on, in a folder for each class, ` +
        (images
          ? `got images without class folders; sort them into one for each class, or give ${
            shellWord(`data.root=${classesIn}`)
          } to hold out a share of the training images`
          : `found none; add some, or remove the folder to hold out a share of the training images`),
    );
  }
  const images: (readonly string[])[] = classes.map(() => []);
  const same = [];
  for (const test of there) {
    const label = labels.get(test.name)!;
    images[label] = test.images;
    leftOut.merge(test.leftOut);
    if (test.real === classes[label]!.real) same.push(test.name);
  }
  if (same.length > 0) {
    warn(
      `${path}: accuracy is measured on training images, as folders are the same (${listed(same)})`,
    );
  }
  return images;
}

function unknownClasses(
  unknown: readonly ClassFolder[],
  classesIn: string,
  classes: readonly ClassFolder[],
): DataError {
  const [{ name, path }] = unknown as [ClassFolder];
  const meant = classes.find((known) => alike(known.name) === alike(name));
  return new DataError(
    `${path}: expected only classes that ${classesIn} has, got ${
      listed(unknown.map(({ name }) => name))
    }; ` + (meant
      ? `rename the folder to ${JSON.stringify(meant.name)}, as it is called there`
      : `add training images of it, or remove the folder`),
  );
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
    const away = Math.min(Math.max(shareOf(images, holdout), 1), images.length - 1);
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

/** The hash of a path below the folder of classes, the same on every system. */
function hashOf(name: string, seed: number): number {
  let hash = key(PURPOSE.holdout, seed);
  for (const unit of name.replaceAll("\\", "/").normalize("NFC")) {
    hash = mix(hash ^ unit.codePointAt(0)!);
  }
  return hash;
}

/** How many of a class's images are its share for the test; one is held out where that is none. */
function shareOf(images: readonly string[], holdout: number): number {
  return Math.round(images.length * holdout);
}

/** How a folder was read, such as `Training/ to train and Testing/ to test, 4 class folders`. */
function describeLayout(
  root: string,
  { classesIn, testIn, splitNames = [] }: Layout,
  classes: readonly ClassFolder[],
  holdout: number,
): string {
  const folder = (path: string) => `${visible(relative(root, path)).replaceAll("\\", "/")}/`;
  const among = splitNames.length > 0 ? ` (${listed(splitNames)} among them)` : "";
  const folders = `${withThousands(classes.length)} class folders${among}`;
  if (testIn !== undefined) {
    return `${folder(classesIn)} to train and ${folder(testIn)} to test, ${folders}`;
  }
  const least = classes.some(({ images }) => shareOf(images, holdout) < 1) ? ", at least one," : "";
  const share = `${percent(holdout).replace(".0%", "%")} of each${least} held out to test`;
  return classesIn === root
    ? `${folders}, ${share}`
    : `${folder(classesIn)} alone, ${folders}, ${share}`;
}

/** Splits that have names of their own would be taken for classes. */
function warnOfNestedNames(
  root: string,
  classes: readonly ClassFolder[],
  warn: TreeOptions["warn"],
): void {
  const held = classes.map(({ folders }) => new Set(folders.map(alike)));
  // A split may lack a class.
  const inner = classes[0]!.folders.filter((name) => held.every((names) => names.has(alike(name))));
  if (inner.length < 2 || classes.some(({ direct }) => direct)) return;
  const names = listed(classes.map(({ name }) => name));
  warn(
    `${root}: ${names} are read as classes, and all of them hold folders of the same names ` +
      `(${
        listed(inner)
      }); if those are the classes, rename the folder to train on to "train" and ` +
      `the one to measure accuracy on to "val"`,
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
      `(${listed(without)})`,
  );
}
