/**
 * CIFAR-10 and CIFAR-100 in the binary layout that they are published in, plain or gzip: 32×32
 * images in colour. Which of the two it is follows from the names of the files.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../../core/errors.ts";
import { readRecords, type RecordLayout } from "./cifar_file.ts";
import { findFile, findFolder } from "../paths/find_data.ts";
import { stat } from "../paths/stat.ts";
import type { DataRecipe, UnnormalizedDataset } from "../dataset.ts";
import { memorySplit } from "../in_memory.ts";

/** One of the two data sets, as published. */
interface Published {
  readonly name: string;
  /** Folder that its archive unpacks to. */
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Images in each file for training, and in each for the test. */
  readonly records: readonly [train: number, test: number];
  /** Layouts of its records by number of classes; the first one unless the recipe says otherwise. */
  readonly layouts: readonly RecordLayout[];
}

const PUBLISHED: readonly Published[] = [
  {
    name: "CIFAR-10",
    folder: "cifar-10-batches-bin",
    train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
    test: ["test_batch.bin"],
    records: [10_000, 10_000],
    layouts: [{ labels: 1, label: 0, classes: 10 }],
  },
  {
    name: "CIFAR-100",
    folder: "cifar-100-binary",
    train: ["train.bin"],
    test: ["test.bin"],
    records: [50_000, 10_000],
    // A record opens with the coarse label; the fine one follows.
    layouts: [{ labels: 2, label: 1, classes: 100 }, { labels: 2, label: 0, classes: 20 }],
  },
];

/**
 * Reads and checks the files, up to the number of images that the recipe asks for.
 *
 * @param warn called for each file with fewer images than the published one
 * @throws {DataError} when a file is missing or damaged, or does not fit the recipe
 */
export async function openCifar(
  { data, pathScope }: DataRecipe,
  warn: (text: string) => void,
): Promise<UnnormalizedDataset> {
  const { path: root, policy } = await findFolder(data.root, pathScope);
  const { set, folder, layout } = await findPublished(root, data.classes);
  const [inTrain, inTest] = set.records;
  const train = await findAll(folder, set.train);
  const test = await findAll(folder, set.test);
  const files = await policy.checkFiles(root, [...train, ...test]);
  return {
    name: set.name,
    classes: layout.classes,
    shape: [32, 32, 3],
    train: memorySplit(
      await readRecords(train, layout, data.train, "data.train", { records: inTrain, warn }),
    ),
    test: memorySplit(
      await readRecords(test, layout, data.test, "data.test", { records: inTest, warn }),
    ),
    files,
  };
}

interface Found {
  readonly set: Published;
  readonly folder: string;
  readonly layout: RecordLayout;
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
      `${root}: expected the binary version of CIFAR-10 (data_batch_1.bin … test_batch.bin) or ` +
        `CIFAR-100 (train.bin, test.bin), there or in ` +
        `${PUBLISHED.map(({ folder }) => folder).join(" or ")}, found none of these files; ` +
        `put them there or correct data.root`,
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
  return [name, `${name}.gz`];
}
