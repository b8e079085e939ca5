/**
 * CIFAR-10 and CIFAR-100 in the two versions that they are published in, binary (plain or gzip) and
 * Python: 32×32 images in colour. Which of them it is follows from the names of the files.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { DataRecipe, UnnormalizedDataset } from "../dataset.ts";
import { memorySplit } from "../in_memory.ts";
import { archiveIn } from "../paths/archive.ts";
import { findFile, findFolder } from "../paths/find_data.ts";
import { stat } from "../paths/stat.ts";
import type { Warn } from "./byte_reader.ts";
import { readClassNames, readRecords, type RecordLayout } from "./cifar_file.ts";

/** One of the two data sets, in one of the two versions, as published. */
interface Published {
  readonly name: string;
  /** Folder that its archive unpacks to. */
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Images in each file for training, and in each for the test. */
  readonly records: readonly [train: number, test: number];
  /** The file with the names of classes in the Python version, which is pickled as all its files. */
  readonly names?: string;
  /**
   * Layouts of its records by number of classes; the first one unless the recipe says otherwise. `names`:
   * the key of the names of classes in the Python version. `list`: the file of the names, one in a line,
   * in the binary version.
   */
  readonly layouts: readonly (RecordLayout & { readonly names: string; readonly list: string })[];
}

const BATCHES = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}`);

const CIFAR_10 = {
  name: "CIFAR-10",
  records: [10_000, 10_000],
  layouts: [{
    labels: 1,
    label: 0,
    classes: 10,
    key: "labels",
    names: "label_names",
    list: "batches.meta.txt",
  }],
} as const;

const CIFAR_100 = {
  name: "CIFAR-100",
  records: [50_000, 10_000],
  // A record opens with the coarse label; the fine one follows.
  layouts: [
    {
      labels: 2,
      label: 1,
      classes: 100,
      key: "fine_labels",
      names: "fine_label_names",
      list: "fine_label_names.txt",
    },
    {
      labels: 2,
      label: 0,
      classes: 20,
      key: "coarse_labels",
      names: "coarse_label_names",
      list: "coarse_label_names.txt",
    },
  ],
} as const;

const PUBLISHED: readonly Published[] = [
  {
    ...CIFAR_10,
    folder: "cifar-10-batches-bin",
    train: BATCHES.map((name) => `${name}.bin`),
    test: ["test_batch.bin"],
  },
  { ...CIFAR_100, folder: "cifar-100-binary", train: ["train.bin"], test: ["test.bin"] },
  {
    ...CIFAR_10,
    folder: "cifar-10-batches-py",
    train: BATCHES,
    test: ["test_batch"],
    names: "batches.meta",
  },
  {
    ...CIFAR_100,
    folder: "cifar-100-python",
    train: ["train"],
    test: ["test"],
    names: "meta",
  },
];

/** Whether at least two files of a published set are among these: `train` alone may be anything. */
export function holdsCifar(files: readonly string[]): boolean {
  return PUBLISHED.some(({ train, test }) =>
    [...train, ...test].flatMap(packedToo).filter((name) => files.includes(name)).length > 1
  );
}

/**
 * Reads and checks the files, up to the number of images that the recipe asks for.
 *
 * @param warn called for each file with fewer images than the published one, or bytes behind them
 * @throws {DataError} when a file is missing or damaged, or does not fit the recipe
 */
export async function openCifar(
  { data, pathScope }: DataRecipe,
  warn: Warn,
): Promise<UnnormalizedDataset> {
  const { path: root, policy } = await findFolder(data.root, pathScope);
  const { set, folder, layout } = await findPublished(root, data.classes);
  const train = await findAll(folder, set.train), test = await findAll(folder, set.test);
  const pickled = set.names !== undefined, meta = join(folder, set.names ?? layout.list);
  const named = (await stat(meta))?.isFile ? [meta] : [];
  const files = await policy.checkFiles(root, [...train, ...test, ...named]);
  const read = async (split: "train" | "test", paths: readonly string[]) => {
    const records = set.records[split === "train" ? 0 : 1];
    const most = data[split], whole = { records, warn };
    return memorySplit(
      await readRecords(paths, layout, pickled, most, `data.${split}`, whole),
    );
  };
  const classNames = named.length > 0
    ? await readClassNames(meta, pickled ? layout.names : undefined, layout.classes, warn)
    : undefined;
  return {
    name: set.name,
    classes: layout.classes,
    ...(classNames ? { classNames } : {}),
    shape: [32, 32, 3],
    train: await read("train", train),
    test: await read("test", test),
    files,
  };
}

interface Found {
  readonly set: Published;
  readonly folder: string;
  readonly layout: Published["layouts"][number];
}

/** Looks in the folder itself, then in the folders that the archives unpack to. */
async function findPublished(root: string, classes: number): Promise<Found> {
  const present: { set: Published; folder: string }[] = [];
  for (const set of PUBLISHED) {
    for (const folder of [root, join(root, set.folder)]) {
      if (await hasAny(folder, [...set.train, ...set.test])) present.push({ set, folder });
    }
  }
  if (present.length === 0) {
    throw new DataError(
      `${root}: expected the files of CIFAR-10 (data_batch_1.bin … test_batch.bin or, of the ` +
        `Python version, data_batch_1 … test_batch) or of CIFAR-100 (train.bin, test.bin or ` +
        `train, test), there or in ${
          PUBLISHED.map(({ folder }) => folder).join(", ")
        }, found none ` +
        `of these files; put them there or correct data.root` + await archiveIn(root),
    );
  }
  for (const { set, folder } of present) {
    const layout = set.layouts.find((layout) => classes === 0 || layout.classes === classes);
    if (layout) return { set, folder, layout };
  }
  const { set, folder } = present[0]!;
  const known = set.layouts.map((layout) => layout.classes).join(" or ");
  throw new DataError(
    `data.classes: expected ${known}, as ${folder} holds ${set.name}, got ${classes}; ` +
      `correct it or leave it out`,
  );
}

async function hasAny(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names.flatMap(packedToo)) {
    if ((await stat(join(folder, name)))?.isFile) return true;
  }
  return false;
}

async function findAll(folder: string, names: readonly string[]): Promise<string[]> {
  const paths = [];
  for (const name of names) paths.push(await findFile(folder, packedToo(name)));
  return paths;
}

function packedToo(name: string): string[] {
  return name.endsWith(".bin") ? [name, `${name}.gz`] : [name];
}
