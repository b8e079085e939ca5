/**
 * A data set of four IDX files, plain or gzip, as MNIST, its relatives (Fashion-MNIST, EMNIST,
 * QMNIST) are published: images and labels, for training and for test. Images are grey: one channel.
 *
 * @module
 */
import { basename, join, relative } from "node:path";
import { DataError } from "../../core/errors.ts";
import { listed, shellWord } from "../../core/text.ts";
import type { DataRecipe, UnnormalizedDataset } from "../dataset.ts";
import { memorySplit } from "../in_memory.ts";
import { findFile, findFolder } from "../paths/find_data.ts";
import { cannotRead, stat } from "../paths/stat.ts";
import type { Warn } from "./byte_reader.ts";
import { elements, type StoredArray } from "./elements.ts";
import { readIdxFile } from "./idx_file.ts";
import { readLabels } from "./labels.ts";
import { convertWithNumpy, type FourArrays, pythonText } from "./numpy_command.ts";
import { readImages } from "./pixels.ts";
import { takeFirst } from "./subset.ts";

/**
 * Reads and checks the four files.
 *
 * @param warn called for files that are whole but odd
 * @throws {DataError} when a file is missing or damaged, or does not fit the recipe
 */
export async function openIdx(
  { data, pathScope }: DataRecipe,
  warn: Warn,
): Promise<UnnormalizedDataset> {
  const { path: root, policy } = await findFolder(data.root, pathScope);
  const { paths, layout } = await findFiles(root);
  const files = await policy.checkFiles(
    root,
    Object.values(paths).flatMap((pair) => Object.values(pair)),
  );
  const train = await readPair(paths.train, warn), test = await readPair(paths.test, warn);
  const arrays: FourArrays<StoredArray> = { train, test };
  const convert = (what: "images" | "labels") => (expression: string) =>
    convertWithNumpy(pythonSources(arrays), what, expression, join(root, "converted.npz"));
  const [trainClass, testClass] = [classColumn(train.labels), classColumn(test.labels)];
  const labels = readLabels(
    trainClass ?? train.labels,
    testClass ?? test.labels,
    data.classes,
    convert("labels"),
  );
  const images = readImages(train.images, test.images, data, { convert: convert("images"), warn });
  const layouts = [
    layout,
    images.layout,
    trainClass && "labels are the first of 8 numbers, the class, as in QMNIST",
    labels.layout,
  ].filter((words) => words !== undefined);
  const make = (split: "train" | "test") =>
    memorySplit(takeFirst(
      { images: images[split], labels: labels[split] },
      data[split],
      `data.${split}`,
      paths[split].images,
    ));
  return {
    name: basename(root),
    classes: labels.classes,
    shape: images.shape,
    train: make("train"),
    test: make("test"),
    ...(layouts.length > 0 ? { layout: layouts.join("; ") } : {}),
    files,
  };
}

/** The names of a set's files: what comes first in them, and the word for the test images. */
interface Naming {
  readonly prefix: string;
  readonly test: string;
}

/** `emnist-letters-train-images-idx3-ubyte.gz`; some archives have a point before `idx`. */
const NAME = /^(.*?)(train|t10k|test\d*k?)-(images|labels)[-.]idx\d-[a-z]+(\.gz)?$/;

/** Whether a file has the name of one of a set's files. */
export function isIdxName(name: string): boolean {
  return NAME.test(name);
}

/** The files in the folder, or in the only one below it that has any: torchvision makes `MNIST/raw`. */
async function findFiles(
  root: string,
): Promise<{ paths: FourArrays<string>; layout: string | undefined }> {
  const below = (await listNames(root)).length > 0 ? [] : await foldersWithFiles(root);
  if (below.length > 1) throw severalFolders(root, below);
  const folder = below[0] ?? root, names = await listNames(folder);
  const { prefix, test } = naming(folder, names);
  const pair = async (split: string) => {
    const find = (what: "images" | "labels", ending: string) => {
      const start = `${prefix}${split}-${what}`;
      const expected = ["-", "."].flatMap((mark) => [
        `${start}${mark}${ending}`,
        `${start}${mark}${ending}.gz`,
      ]);
      const other = names.filter((name) => name.startsWith(start) && NAME.test(name)).sort();
      const found = [...expected, ...other].find((name) => names.includes(name));
      return found === undefined ? findFile(folder, expected) : join(folder, found);
    };
    return {
      images: await find("images", "idx3-ubyte"),
      labels: await find("labels", "idx1-ubyte"),
    };
  };
  const paths = { train: await pair("train"), test: await pair(test) };
  const way = relative(root, folder), start = join(way === "" ? "." : way, prefix);
  const usual = way === "" && prefix === "";
  return { paths, layout: usual ? undefined : `files ${start}${prefix === "" ? "/" : ""}*` };
}

function severalFolders(root: string, below: readonly string[]): DataError {
  return new DataError(
    `${root}: expected the IDX files of one data set, got those of several in ` +
      `${listed(below.map((folder) => relative(root, folder)))}; give one of these folders, as ` +
      shellWord(`data.root=${below[0]}`),
  );
}

/** Folders of IDX files, at most two levels below; those that may not be read are passed over. */
async function foldersWithFiles(root: string, levels = 2): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(root)) {
      if (!isDirectory) continue;
      const folder = join(root, name), files = await listNames(folder).catch(() => []);
      if (files.length > 0) found.push(folder);
      else if (levels > 1) {
        for (const below of await foldersWithFiles(folder, levels - 1)) found.push(below);
      }
    }
  } catch {
    return [];
  }
  return found.sort();
}

/** Which of the sets in a folder to read: the one with the published names, or the only one. */
function naming(folder: string, names: readonly string[]): Naming {
  const sets = new Map<string, Set<string>>();
  for (const name of names) {
    const [, prefix, split, what] = NAME.exec(name) ?? [];
    if (prefix === undefined) continue;
    if (!sets.has(prefix)) sets.set(prefix, new Set());
    sets.get(prefix)!.add(`${split}-${what}`);
  }
  const testOf = (files: ReadonlySet<string>) => {
    const words = [...files].map((file) => file.split("-")[0]!).filter((word) => word !== "train");
    return ["t10k", "test", ...words.sort()].find((word) => words.includes(word)) ?? "t10k";
  };
  const whole = [...sets].filter(([, files]) =>
    ["train", testOf(files)].every((split) =>
      files.has(`${split}-images`) && files.has(`${split}-labels`)
    )
  );
  const [prefix, files] = whole.find(([prefix]) => prefix === "") ?? whole[0] ??
    [...sets][0] ?? ["", new Set<string>()];
  if (prefix !== "" && whole.length > 1) {
    const found = whole.map(([prefix]) => prefix.replace(/[-_.]$/, "")).sort();
    const out = join(folder, found[0]!);
    throw new DataError(
      `${folder}: expected the IDX files of one data set, got those of ${found.length} (` +
        `${found.slice(0, 8).join(", ")}${found.length > 8 ? ", …" : ""}); copy those to use ` +
        `into a folder of their own, as mkdir ${shellWord(out)} && cp ` +
        `${shellWord(out)}-* ${shellWord(out)}, and give ${shellWord(`data.root=${out}`)}`,
    );
  }
  return { prefix, test: testOf(files) };
}

async function listNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (!NAME.test(entry.name) || entry.isDirectory) continue;
      if (entry.isFile || (await stat(join(folder, entry.name)))?.isFile) names.push(entry.name);
    }
  } catch (error) {
    throw cannotRead(folder, error);
  }
  return names;
}

async function readPair(
  paths: FourArrays<string>["train"],
  warn: Warn,
): Promise<FourArrays<StoredArray>["train"]> {
  const labels = await readIdxFile(paths.labels, "labels", warn);
  const images = await readIdxFile(paths.images, "images", warn);
  const [found] = labels.dims, [expected] = images.dims;
  if (found !== expected) {
    throw new DataError(
      `${labels.header}: expected ${expected} labels, one for each image of ${paths.images}, ` +
        `got ${found}; get both files from the same place`,
    );
  }
  return { images, labels };
}

/** QMNIST's labels are rows of 8 numbers, of which the class is the first; `undefined` for others. */
function classColumn(labels: StoredArray): StoredArray | undefined {
  const [count = 0, columns] = labels.dims;
  if (columns !== 8 || labels.type !== ">i4") return undefined;
  // Labels of zeros and ones are one-hot, of 8 classes.
  if (elements(labels).every((piece) => piece.every((value) => value === 0 || value === 1))) {
    return undefined;
  }
  const row = labels.body.length / count, width = row / columns;
  const body = new Uint8Array(count * width);
  for (let index = 0; index < count; index++) {
    body.set(labels.body.subarray(index * row, index * row + width), index * width);
  }
  return { ...labels, dims: [count], body, place: (element) => labels.place(element * columns) };
}

/** The arrays of IDX files in Python. */
function pythonSources({ train, test }: FourArrays<StoredArray>): FourArrays<string> {
  const source = ({ location, type, dims }: StoredArray) => {
    const path = pythonText(location), bytes = 4 + 4 * dims.length;
    const read =
      `(gzip.open if open(${path}, 'rb').read(1)[0] == 31 else open)(${path}, 'rb').read()`;
    return `np.frombuffer(${read}, '${type}', ${
      dims.reduce((product, dim) => product * dim, 1)
    }, ` +
      `${bytes}).reshape(${dims.join(", ")})`;
  };
  const pair = ({ images, labels }: FourArrays<StoredArray>["train"]) => ({
    images: source(images),
    labels: source(labels),
  });
  return { train: pair(train), test: pair(test) };
}
