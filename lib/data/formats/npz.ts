/**
 * A data set of four NumPy arrays, images and labels for training and for test: in one `.npz`
 * file, or each in an `.npy` file of a folder.
 *
 * @module
 */
import { basename } from "node:path";
import { DataError } from "../../core/errors.ts";
import { shellWord, visible } from "../../core/text.ts";
import { type NumpyArchive, openNpyFolder, openNpzFile } from "./numpy_archive.ts";
import type { DataRecipe, UnnormalizedDataset } from "../dataset.ts";
import { memorySplit } from "../in_memory.ts";
import { archiveAt } from "../paths/archive.ts";
import { cannotRead } from "../paths/stat.ts";
import { findPath } from "../paths/find_data.ts";
import type { Warn } from "./byte_reader.ts";
import { shapeText, type StoredArray } from "./elements.ts";
import { readLabels } from "./labels.ts";
import { parseNpy } from "./npy.ts";
import { convertWithNumpy, type FourArrays, pythonText } from "./numpy_command.ts";
import { readImages } from "./pixels.ts";
import { takeFirst } from "./subset.ts";

/**
 * Reads and checks the four arrays.
 *
 * @param warn called about arrays that are usable but odd
 * @throws {DataError} when an array is missing or damaged, or does not fit the recipe
 */
export async function openNpz(
  { data, pathScope }: DataRecipe,
  warn: Warn,
): Promise<UnnormalizedDataset> {
  const { path, folder, policy } = await findPath(
    data.root,
    pathScope,
    "an .npz file or a folder of .npy files",
  );
  const packed = folder ? undefined : await policy.checkFiles(path, [path]);
  if (!folder) await refuseOtherFiles(path);
  using files = folder ? await openNpyFolder(path) : await openNpzFile(path);
  const { names, layout } = await findArrays(files);
  const list = Object.values(names).flatMap(({ images, labels }) => [images, labels]);
  const read = packed ?? await policy.checkFiles(path, list.map((name) => files.location(name)));
  const train = await readPair(files, names.train, warn);
  const test = await readPair(files, names.test, warn);
  const convert = (what: "images" | "labels") => (expression: string) =>
    convertWithNumpy(pythonSources(files, names, { train, test }), what, expression, outFile(path));
  const labels = readLabels(train.labels, test.labels, data.classes, convert("labels"));
  const images = readImages(train.images, test.images, data, { convert: convert("images"), warn });
  const layouts = [layout, images.layout, labels.layout].filter((words) => words !== undefined);
  const make = (split: "train" | "test") =>
    memorySplit(takeFirst(
      { images: images[split], labels: labels[split] },
      data[split],
      `data.${split}`,
      files.location(names[split].images),
    ));
  return {
    name: basename(path).replace(/\.npz$/i, ""),
    classes: labels.classes,
    ...(labels.classNames ? { classNames: labels.classNames } : {}),
    shape: images.shape,
    train: make("train"),
    test: make("test"),
    ...(layouts.length > 0 ? { layout: layouts.join("; ") } : {}),
    files: read,
  };
}

/** Words that names of arrays are made of; the first are the usual ones. */
const WORDS = {
  train: ["train", "training", "tr"],
  test: ["test", "testing", "te"],
  val: ["val", "valid", "validation", "dev"],
  images: ["x", "images", "image", "imgs", "img", "data", "inputs", "features"],
  labels: ["y", "labels", "label", "targets", "target", "classes"],
};

/** The names in errors, which are the usual ones. */
function usualNames(split: "train" | "test", what: "images" | "labels"): string[] {
  const letter = what === "images" ? "x" : "y";
  return [`${letter}_${split}`, `${split}_${letter}`, `${split}_${what}`, `${what}_${split}`];
}

/** Which arrays are the four, and in words what is not plain about it. */
async function findArrays(
  files: NumpyArchive,
): Promise<{ names: FourArrays<string>; layout: string | undefined }> {
  if (files.names.length === 0 && files.packed) await refuseWithoutArrays(files.path);
  const find = (split: "train" | "test" | "val", what: "images" | "labels") => {
    const candidates = (others: boolean) =>
      WORDS[what].flatMap((kind) =>
        files.names.filter((name) => isMadeOf(name, WORDS[split], kind, others))
      );
    // Other words in a name, as in kmnist-train-imgs, are none of ours, if only one name fits.
    const [exact] = candidates(false), loose = candidates(true);
    return exact ?? (loose.length === 1 ? loose[0] : undefined);
  };
  // A validation split takes the place of a test split that is not there.
  const other = find("test", "images") ?? find("test", "labels") ? "test" : "val";
  const one = (split: "train" | "test", what: "images" | "labels") =>
    find(split === "test" && find("val", what) ? other : split, what) ??
      missing(files, split, what);
  const names = {
    train: { images: one("train", "images"), labels: one("train", "labels") },
    test: { images: one("test", "images"), labels: one("test", "labels") },
  };
  const four = Object.values(names).flatMap(({ images, labels }) => [images, labels]);
  const usual = `${four}`.toLowerCase() === "x_train,y_train,x_test,y_test";
  const unused = files.names.filter((name) => !four.includes(name));
  const words = [
    ...(usual ? [] : [`arrays ${four.map(visible).join(", ")}`]),
    ...(unused.length === 0 ? [] : [`not read: ${some(unused)}`]),
  ];
  return { names, layout: words.length > 0 ? words.join("; ") : undefined };
}

/**
 * Whether a name is of two words, one of `split`, and `kind`.
 *
 * @param others whether there may be other words too
 */
function isMadeOf(
  name: string,
  split: readonly string[],
  kind: string,
  others: boolean,
): boolean {
  const words = name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase()
    .replace(/^([xy])(train|test|val)$/, "$1_$2").split(/[^a-z]+/).filter((word) => word !== "");
  return (others || words.length === 2) && words.filter((word) => word === kind).length === 1 &&
    words.filter((word) => split.includes(word)).length === 1;
}

function missing(
  files: NumpyArchive,
  split: "train" | "test",
  what: "images" | "labels",
): never {
  const { names, path } = files;
  const alone = (["images", "labels"] as const).map((kind) =>
    names.find((name) => WORDS[kind].includes(name.toLowerCase()))
  );
  const [images, labels] = alone, [first] = names;
  const remedy = first !== undefined && !files.packed && files.location(first).endsWith(".npz")
    ? `to read one of these .npz files, give ${shellWord(`data.root=${files.location(first)}`)}`
    : images !== undefined && labels !== undefined
    ? `split ${visible(images)} and ${visible(labels)} into training and test images: ` +
      holdOutCommand(path, arraySource(files, images), arraySource(files, labels))
    : "save it under one of these names";
  throw new DataError(
    `${path}: expected an array named ${usualNames(split, what).join(", ")}, got ` +
      `${names.length === 0 ? "no .npy file" : some(names)}; ${remedy}`,
  );
}

function some(names: readonly string[]): string {
  return names.slice(0, 8).map(visible).join(", ") + (names.length > 8 ? ", …" : "");
}

/** Files that people have in place of `.npz`, by how they begin, and what to do about them. */
const OTHER_FILES: readonly (readonly [
  magic: string,
  kind: string,
  remedy: (path: string) => string,
])[] = [
  ["\x93NUMPY", "an .npy file of one array", () => "give the folder that it is in"],
  ["\x1f\x8b", "a gzip file", unpackCommand],
  ["\x89HDF\r\n", "an HDF5 file", (path) => {
    const out = outFile(path),
      program = "import h5py, numpy as np; " +
        `d = h5py.File(${pythonText(path)}); np.savez_compressed(${pythonText(out)}, ` +
        "**{k: d[k][()] for k in d})";
    return `convert it: python3 -c ${shellWord(program)}; then give ${
      shellWord(`data.root=${out}`)
    }`;
  }],
  ["MATLAB", "a MATLAB file", bySavez],
  ["PAR1", "a Parquet file", bySavez],
  ["\x80", "a Python pickle", bySavez],
];

function bySavez(): string {
  return "load it in Python, and save its arrays with numpy.savez(FILE, x_train=…, y_train=…, " +
    "x_test=…, y_test=…)";
}

function unpackCommand(path: string): string {
  const bare = path.replace(/\.gz$/i, ""), out = bare === path ? `${path}.unpacked` : bare;
  return `unpack it: gunzip -c < ${shellWord(path)} > ${shellWord(out)}; then give ` +
    shellWord(`data.root=${out}`);
}

/** Refuses a file that is no `.npz`, by what it is. */
async function refuseOtherFiles(path: string): Promise<void> {
  const archive = await archiveAt(path);
  if (archive && archive.kind !== "a zip archive") {
    throw new DataError(
      `data.root: expected an .npz file, got ${archive.kind} at ${path}; ${archive.remedy}`,
    );
  }
  const head = String.fromCharCode(...await readHead(path));
  for (const [magic, kind, remedy] of OTHER_FILES) {
    if (!head.startsWith(magic)) continue;
    throw new DataError(
      `data.root: expected an .npz file or a folder of .npy files, got ${kind} at ${path}; ` +
        remedy(path),
    );
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  const head = new Uint8Array(8);
  using file = await Deno.open(path).catch((error) => {
    throw cannotRead(path, error);
  });
  return head.subarray(0, await file.read(head) ?? 0);
}

/** Refuses a zip file that holds no arrays. */
async function refuseWithoutArrays(path: string): Promise<void> {
  const archive = await archiveAt(path);
  if (!archive) return;
  throw new DataError(
    `data.root: expected an .npz file, got ${archive.kind} without .npy files at ${path}; ` +
      archive.remedy,
  );
}

async function readPair(
  files: NumpyArchive,
  names: FourArrays<string>["train"],
  warn: Warn,
): Promise<FourArrays<StoredArray>["train"]> {
  const read = async (name: string) => parseNpy(await files.read(name), files.location(name), warn);
  const images = await read(names.images), labels = await read(names.labels);
  if (images.dims[0] !== labels.dims[0]) {
    throw new DataError(
      `${labels.header}: expected ${images.dims[0] ?? 0} labels, one for each image of ` +
        `${images.location}, got ${shapeText(labels.dims)}; save the two together`,
    );
  }
  return { images, labels };
}

/** An array in Python. */
function arraySource(files: NumpyArchive, name: string, pickled = false): string {
  const allow = pickled ? ", allow_pickle=True" : "";
  if (files.packed) return `np.load(${pythonText(files.path)}${allow})[${pythonText(name)}]`;
  const path = files.location(name), load = `np.load(${pythonText(path)}${allow})`;
  return path.endsWith(".npz") ? `next(iter(${load}.values()))` : load;
}

function outFile(path: string): string {
  return `${path.replace(/\.npz$/i, "")}-converted.npz`;
}

function pythonSources(
  files: NumpyArchive,
  names: FourArrays<string>,
  arrays: FourArrays<StoredArray>,
): FourArrays<string> {
  const source = (split: "train" | "test", what: "images" | "labels") =>
    arraySource(files, names[split][what], arrays[split][what].type.includes("O"));
  return {
    train: { images: source("train", "images"), labels: source("train", "labels") },
    test: { images: source("test", "images"), labels: source("test", "labels") },
  };
}

/** The command that puts every tenth image, by lot, into the test split. */
function holdOutCommand(path: string, images: string, labels: string): string {
  const out = outFile(path);
  const program = `import numpy as np; x, y = ${images}, ${labels}; ` +
    `i = np.random.default_rng(0).permutation(len(y)); n = max(len(y) // 10, 1); ` +
    `np.savez_compressed(${pythonText(out)}, x_train=x[i[n:]], y_train=y[i[n:]], ` +
    `x_test=x[i[:n]], y_test=y[i[:n]])`;
  return `python3 -c ${shellWord(program)}; then give ${shellWord(`data.root=${out}`)}`;
}
