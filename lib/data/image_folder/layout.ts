/**
 * Tells how a folder of images is laid out: a folder for each class, or these in a folder to train on
 * and one to measure accuracy on. Names tell what may be a split, in any case (`Training`, `VALID`); what
 * is in a folder decides, as a class may be called "train" too. What could be read either way is refused.
 *
 * @module
 */
import { join, sep } from "node:path";
import { DataError } from "../../core/errors.ts";
import { listed, shellWord, visible } from "../../core/text.ts";
import { stat } from "../paths/stat.ts";
import type { FolderLister } from "./list.ts";

/** Tiny ImageNet's list of the classes of its test images. */
export const ANNOTATIONS = "val_annotations.txt";

/** Where classes and splits are. */
export interface Layout {
  /** The folder that holds a folder for each class. */
  readonly classesIn: string;
  /** The folder of the test split; without it, a share of the images is held out. */
  readonly testIn?: string;
  /** Folders beside those that hold images, which are not read. */
  readonly unread: readonly string[];
  /** Classes whose names could be those of splits. */
  readonly splitNames?: readonly string[];
}

type Role = "train" | "val" | "test";

/** Words for splits. */
const ROLES: Readonly<Record<string, Role>> = {
  train: "train",
  training: "train",
  val: "val",
  validation: "val",
  valid: "val",
  validate: "val",
  dev: "val",
  test: "test",
  testing: "test",
  eval: "test",
  evaluation: "test",
};

/** Words that say nothing about which split a folder is: `train_set`, `Test images`. */
const FILLERS = /^(set|data|dataset|images?|imgs?|photos?|pictures?|split|folder|samples?)$/;

/** Words of folders that are parts of one set: `fold1`, `split_2`. */
const PARTS = /^(k?fold|split|partition|subset|cv|holdout)s?$/;

/** More folders than a project has beside its images: these are classes. */
const MAX_BESIDE = 8;

/** What a name says of splits; `undefined` if nothing. */
interface SplitName {
  /** The split that it stands for; "unclear" for one that has other words in it. */
  readonly role: Role | "unclear";
  /** The split that one of its words stands for. */
  readonly word: Role | undefined;
  /** Its other words. */
  readonly rest: string;
}

function readName(name: string): SplitName | undefined {
  const words = name.normalize("NFC").replace(/(\p{Ll})(?=\p{Lu}|\d)/gu, "$1 ").toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .flatMap((word) => word.replace(/^(.{3,})(set|data|images)$/, "$1 $2").split(" "));
  const telling = words.filter((word) => word !== "" && !FILLERS.test(word));
  const at = telling.findIndex((word) => ROLES[word] !== undefined);
  const word = at < 0 ? undefined : ROLES[telling[at]!], rest = telling.toSpliced(at, 1).join(" ");
  if (word) return { role: telling.length === 1 ? word : "unclear", word, rest };
  return telling.some((word) => PARTS.test(word)) ? { role: "unclear", word, rest } : undefined;
}

/** Whether a folder may hold splits, by the names of those in it. */
export function holdsTrainingSplit(folders: readonly string[]): boolean {
  return folders.some((name) => readName(name)?.role === "train");
}

/** A folder at the top. */
interface Top extends SplitName {
  readonly name: string;
  readonly path: string;
  /** Names of the folders in it. */
  readonly folders: readonly string[];
  /** Whether images lie directly in it. */
  readonly images: boolean;
}

/**
 * Finds the layout of a folder.
 *
 * @throws {DataError} when it could be read in two ways, or seems to have splits that are not understood
 */
export async function findLayout(root: string, lister: FolderLister): Promise<Layout> {
  const { folders } = await lister.shape(root);
  const found: Top[] = [];
  for (const name of folders) {
    const split = readName(name);
    if (split) found.push({ name, ...split, ...await unwrapped(join(root, name), split, lister) });
  }
  const tops = clarified(found);
  if (tops.length === 0) return await inOnlyFolder(root, folders, lister);
  const others = folders.filter((name) => !tops.some((top) => top.name === name));
  const train = only(root, tops, "train");
  return train
    ? await withTrain(root, train, tops, others, lister)
    : await withoutTrain(root, tops, others, lister);
}

/** The one folder of a role that holds folders. @throws {DataError} when there are two */
function only(root: string, tops: readonly Top[], role: Role): Top | undefined {
  const [first, second] = tops.filter((top) => top.role === role && top.folders.length > 0);
  if (!second) return first;
  const which = role === "train" ? "to train on" : `of the ${role} split`;
  throw new DataError(
    `${root}: expected one folder ${which}, got both ${listed([first!.name, second.name])}; ` +
      `put the images of both into one, or take one out`,
  );
}

/** `seg_train` and `seg_test` are splits if no other two are: only the word that tells them apart counts. */
function clarified(tops: readonly Top[]): readonly Top[] {
  if (tops.some(({ role }) => role === "train")) return tops;
  const rests = new Set(pairs(tops).map(({ rest }) => rest)), [rest, ...more] = rests;
  if (rest === undefined || more.length > 0) return tops;
  return tops.map((top) => top.word && top.rest === rest ? { ...top, role: top.word } : top);
}

/** Folders to train on that have a partner, with the same words around the one for the split. */
function pairs(tops: readonly Top[]): Top[] {
  return tops.filter(({ word, rest }) =>
    word === "train" && tops.some((top) => top.word && top.word !== word && top.rest === rest)
  );
}

/** A folder of a split, or the one folder in it that is called alike, as zips make it. */
async function unwrapped(
  path: string,
  name: SplitName,
  lister: FolderLister,
): Promise<Pick<Top, "path" | "folders" | "images">> {
  const { folders, images } = await lister.shape(path), [inner, ...more] = folders;
  const other = inner === undefined || more.length > 0 || images ? undefined : readName(inner);
  return other && other.word === name.word && other.rest === name.rest
    ? await unwrapped(join(path, inner!), name, lister)
    : { path, folders, images };
}

/** No name of a split: classes, or one folder that holds the splits. */
async function inOnlyFolder(
  root: string,
  folders: readonly string[],
  lister: FolderLister,
): Promise<Layout> {
  const layout = { classesIn: root, unread: [] };
  if (folders.length > MAX_BESIDE) return layout;
  const [only, ...more] = await withImages(root, folders, lister);
  if (only === undefined || more.length > 0) return layout;
  const inner = join(root, only), real = await Deno.realPath(inner);
  // A link that leads back.
  if ((await Deno.realPath(root) + sep).startsWith(real + sep)) return layout;
  const found = await findLayout(inner, lister);
  return found.classesIn === inner ? layout : found;
}

/** A folder called train that holds folders. */
async function withTrain(
  root: string,
  train: Top,
  tops: readonly Top[],
  rest: readonly string[],
  lister: FolderLister,
): Promise<Layout> {
  const val = only(root, tops, "val") ?? tops.find(({ role }) => role === "val");
  const test = only(root, tops, "test") ?? tops.find(({ role }) => role === "test");
  const annotated = val && (await stat(join(val.path, ANNOTATIONS)))?.isFile;
  const same = [val, test].some((split) => split && common([train, split]).length > 0);
  const others = await withImages(
    root,
    [...rest, ...tops.filter((top) => ![train, val, test].includes(top)).map(({ name }) => name)],
    lister,
  );
  if (!annotated && !same && others.length > 0) {
    // Trains among other vehicles.
    if (train.images) return { classesIn: root, unread: [], splitNames: [train.name] };
    const name = visible(train.name);
    throw new DataError(
      `${root}: expected classes or splits, got ${name}, which holds folders ` +
        `(${listed(train.folders)}), beside ${listed(others)} with images; give ` +
        `${shellWord(`data.root=${train.path}`)} to train on the folders in it alone, rename the ` +
        `folder to measure accuracy on to "val", or, if ${name} is a class, put its images directly ` +
        `into it`,
    );
  }
  // A test split without classes is one to predict; of a val split that is a mistake, which is said later.
  const tested = val ?? (test && (test.folders.length > 0 || !test.images) ? test : undefined);
  const unread = [val, test].filter((split) =>
    split && split !== tested && (split.images || split.folders.length > 0)
  );
  return {
    classesIn: train.path,
    ...(tested ? { testIn: tested.path } : {}),
    unread: [...unread.map((split) => split!.name), ...others].map((name) => join(root, name)),
  };
}

/** Names of splits, but none that can be trained on. */
async function withoutTrain(
  root: string,
  tops: readonly Top[],
  rest: readonly string[],
  lister: FolderLister,
): Promise<Layout> {
  const clear = tops.filter(({ role }) => role !== "unclear");
  const split = clear.find(({ folders }) => folders.length > 0);
  const flat = clear.find(({ role, images }) => role === "train" && images);
  const others = await withImages(root, rest, lister), alone = others.length === 0;
  if (split && flat) {
    throw new DataError(
      `${flat.path}: expected a folder of images for each class, as in ${split.path}, got ` +
        `images without class folders; sort them into one for each class`,
    );
  }
  if (split && (alone || !split.images)) throw withoutPartner(root, split, others);
  checkNotSplits(root, tops, alone);
  const read = clear.filter(({ images, folders }) => images || folders.length > 0);
  return { classesIn: root, unread: [], splitNames: read.map(({ name }) => name) };
}

function withoutPartner(root: string, split: Top, others: readonly string[]): DataError {
  const alone = others.length === 0, data = shellWord(`data.root=${split.path}`);
  return new DataError(
    `${root}: expected a folder "train" beside ${visible(split.name)}, which holds folders ` +
      `(${listed(split.folders)}), got ${alone ? "none" : `only ${listed(others)}`}; ` +
      (alone
        ? `rename the folder to train on to "train", or give ${data} to train on this one`
        : `put the folders to train on into a folder "train"`),
  );
}

/** Refuses folders that seem to be splits: two that belong together, or all that there are (`alone`). */
function checkNotSplits(root: string, tops: readonly Top[], alone: boolean): void {
  const names = listed(tops.map(({ name }) => name)), paired = pairs(tops).length > 0;
  const inner = tops.filter(({ folders }) => folders.length > 0), shared = common(inner);
  if (inner.length === 0 && (paired || alone && !tops.some(({ role }) => role === "unclear"))) {
    throw new DataError(
      `${root}: expected a folder for each class in ${names}, got images without class folders; ` +
        `sort them into one for each class`,
    );
  }
  if (inner.length < 2 || !(paired || alone && shared.length > 0)) return;
  const which = shared.length > 0 ? `of the same names in them (${listed(shared)})` : "in them";
  throw new DataError(
    `${root}: expected classes or splits, got ${names} with folders ${which}; rename the folder to ` +
      `train on to "train" and the one to measure accuracy on to "val"`,
  );
}

/** Those that hold images. */
async function withImages(
  root: string,
  names: readonly string[],
  lister: FolderLister,
): Promise<string[]> {
  const found = [];
  for (const name of names) if (await lister.holdsImages(join(root, name))) found.push(name);
  return found;
}

/** Names of folders that all of these hold, whatever their case. */
function common(tops: readonly Pick<Top, "folders">[]): string[] {
  const sets = tops.map(({ folders }) => new Set(folders.map(alike)));
  return (tops[0]?.folders ?? []).filter((name) => sets.every((set) => set.has(alike(name))));
}

/** What two names have in common that only differ by case, blanks around them or Unicode's forms. */
export function alike(name: string): string {
  return name.normalize("NFC").trim().toLowerCase();
}
