/** CIFAR data sets: plain, gzip, in a sub-folder, fine and coarse; and those that are refused. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import {
  type DataFields,
  dataRecipe,
  gzip,
  readAll,
  rejectsData,
  withFolder,
} from "./data_helpers.ts";
import { IMAGE, pixel, records, smallCifar10, smallCifar100 } from "./support/cifar.ts";

type Files = Record<string, Uint8Array>;

const open = (root: string, fields: DataFields = {}) =>
  openDataset(dataRecipe({ format: "cifar", root, ...fields }));

/** An image of {@link records} as `[h, w, c]`. */
const expected = (seed: number): number[] =>
  Array.from({ length: IMAGE }, (_, at) => pixel(seed, at % 3, Math.floor(at / 3)));

async function checkSmall(root: string): Promise<void> {
  const data = await open(root);
  assert.deepEqual([data.name, data.classes, data.shape], ["CIFAR-10", 10, [32, 32, 3]]);
  const train = await readAll(data.train, IMAGE), test = await readAll(data.test, IMAGE);
  assert.deepEqual([...train.labels], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...test.labels], [9, 0, 4]);
  for (const seed of train.labels) {
    assert.deepEqual([...train.images.subarray(seed * IMAGE, (seed + 1) * IMAGE)], expected(seed));
  }
  assert.deepEqual([...test.images.subarray(2 * IMAGE)], expected(52));
}

const renamed = (rename: (name: string) => string, change = (bytes: Uint8Array) => bytes): Files =>
  Object.fromEntries(Object.entries(smallCifar10()).map(([name, b]) => [rename(name), change(b)]));

const FORMS: Record<string, Files> = {
  "plain": renamed((name) => name),
  "gzip": renamed((name) => `${name}.gz`, gzip),
  "gzip named as plain": renamed((name) => name, gzip),
  "in the folder of the archive": renamed((name) => `cifar-10-batches-bin/${name}`),
};

for (const [form, files] of Object.entries(FORMS)) {
  Deno.test(`CIFAR-10 files are read: ${form}`, () => withFolder(files, checkSmall));
}

Deno.test("CIFAR-100 has its fine labels, or its coarse ones where the recipe says 20", async () => {
  const files = Object.fromEntries(
    Object.entries(smallCifar100()).map(([name, bytes]) => [`cifar-100-binary/${name}`, bytes]),
  );
  await withFolder(files, async (root) => {
    for (
      const [classes, labels, test] of [
        [0, [99, 5, 0], 42],
        [100, [99, 5, 0], 42],
        [20, [19, 0, 3], 7],
      ] as const
    ) {
      const data = await open(root, { classes });
      assert.deepEqual([data.name, data.classes], ["CIFAR-100", classes || 100]);
      const train = await readAll(data.train, IMAGE);
      assert.deepEqual([...train.labels], labels);
      assert.deepEqual([...train.images.subarray(IMAGE, 2 * IMAGE)], expected(1));
      assert.deepEqual([...(await readAll(data.test, IMAGE)).labels], [test]);
    }
  });
});

Deno.test("one mean and one std stand for all channels", async () => {
  await withFolder(smallCifar10(), async (root) => {
    for (const half of [[0.5], [0.5, 0.5, 0.5]]) {
      const { mean, std } = await open(root, { mean: half, std: half });
      assert.deepEqual([mean, std], [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]);
    }
    await rejectsData(
      () => open(root, { mean: [0, 0] }),
      "data.mean: expected 3 numbers, one for each channel, got 2; " +
        "give one for each, or one number for all",
    );
  });
});

Deno.test("of two CIFAR data sets in one folder, the number of classes names one", async () => {
  await withFolder({ ...smallCifar10(), ...smallCifar100() }, async (root) => {
    assert.equal((await open(root)).name, "CIFAR-10");
    assert.equal((await open(root, { classes: 100 })).name, "CIFAR-100");
  });
});

Deno.test("a recipe may take the first CIFAR images only, across files, and no more", async () => {
  await withFolder(smallCifar10(), async (root) => {
    const data = await open(root, { train: 3, test: 2 });
    assert.deepEqual([...(await readAll(data.train, IMAGE)).labels], [0, 1, 2]);
    assert.deepEqual([...(await readAll(data.test, IMAGE)).labels], [9, 0]);
    await rejectsData(
      () => open(root, { test: 4 }),
      `data.test: expected at most 3, the images in ${join(root, "test_batch.bin")}, got 4; ` +
        "lower it, or 0 takes all",
    );
  });
});

interface Case {
  name: string;
  /** Files that replace the good ones; null removes one. */
  files?: Record<string, Uint8Array | null>;
  recipe?: DataFields;
  message: (root: string) => string;
}

const whole = smallCifar10();
const third = whole["data_batch_3.bin"]!;

const CASES: Case[] = [
  {
    name: "a truncated file",
    files: { "data_batch_3.bin": third.slice(0, 4000) },
    message: (root) =>
      `${join(root, "data_batch_3.bin")}: byte 3073: expected a whole record of 3073 bytes, ` +
      "got 927; get the file again",
  },
  {
    name: "a truncated record inside whole gzip",
    files: { "data_batch_3.bin": gzip(third.slice(0, 4000)) },
    message: (root) =>
      `${join(root, "data_batch_3.bin")}: byte 3073 (unpacked): expected a whole record of 3073 ` +
      "bytes, got 927; get the file again",
  },
  {
    name: "an empty file",
    files: { "test_batch.bin": new Uint8Array(0) },
    message: (root) =>
      `${join(root, "test_batch.bin")}: byte 0: expected a whole record of 3073 bytes, got 0; ` +
      "get the file again",
  },
  {
    name: "a label beyond the classes",
    files: { "data_batch_2.bin": records([[2], [10]], 2) },
    message: (root) =>
      `${join(root, "data_batch_2.bin")}: byte 3073: expected a label below 10, the number of ` +
      "classes, got 10 at image 1; get the file again",
  },
  {
    name: "a missing batch",
    files: { "data_batch_4.bin": null },
    message: (root) =>
      `${root}: expected one of the files data_batch_4.bin, data_batch_4.bin.gz, found none of ` +
      "them; put it there or correct data.root",
  },
  {
    name: "a folder with something else",
    files: Object.fromEntries(Object.keys(whole).map((name) => [name, null])),
    message: (root) =>
      `${root}: expected the files of CIFAR-10 (data_batch_1.bin … test_batch.bin or, of the ` +
      "Python version, data_batch_1 … test_batch) or of CIFAR-100 (train.bin, test.bin or train, " +
      "test), there or in cifar-10-batches-bin, cifar-100-binary, cifar-10-batches-py, " +
      "cifar-100-python, found none of these files; put them there or correct data.root",
  },
  {
    name: "a recipe with the classes of the other",
    recipe: { classes: 100 },
    message: (root) =>
      `data.classes: expected 10, as ${root} holds CIFAR-10, got 100; ` +
      "correct it or leave it out",
  },
];

for (const { name, files = {}, recipe = {}, message } of CASES) {
  Deno.test(`CIFAR data is refused: ${name}`, () => {
    const present = Object.entries({ ...whole, ...files }).filter(([, bytes]) => bytes !== null);
    return withFolder(
      Object.fromEntries(present) as Files,
      (root) => rejectsData(() => open(root, recipe), message(root)),
    );
  });
}

Deno.test("a file with fewer images than the published one has gets a warning", async () => {
  await withFolder(smallCifar100(), async (root) => {
    const warnings: string[] = [];
    await openDataset(dataRecipe({ format: "cifar", root }), { warn: (w) => warnings.push(w) });
    const again = "get the data again, unless it was made smaller on purpose";
    assert.deepEqual(warnings.slice(0, 2), [
      "a file has fewer images than the 50,000 of the published one " +
      `(${join(root, "train.bin")} 3); ${again}`,
      "a file has fewer images than the 10,000 of the published one " +
      `(${join(root, "test.bin")} 1); ${again}`,
    ]);
    // Nobody reads to the end of a file for as few as these.
    const few: string[] = [];
    const fields = { format: "cifar", root, train: 2, test: 1 } as const;
    await openDataset(dataRecipe(fields), { warn: (w) => few.push(w) });
    assert.ok(few.every((text) => !text.includes("published")));
  });
});

const shared = Deno.env.get("QTRAIN_DATA");
let published = false;
try {
  if (shared) published = Deno.statSync(join(shared, "cifar-10-batches-bin")).isDirectory;
} catch { /* not there: the test is skipped */ }

Deno.test({
  name: "CIFAR-10 is read from QTRAIN_DATA",
  ignore: !published,
  async fn() {
    const data = await open("data/cifar-10-batches-bin");
    assert.deepEqual([data.train.count, data.test.count], [50_000, 10_000]);
    // As published for this data set: mean 0.4914, 0.4822, 0.4465; std 0.2470, 0.2435, 0.2616.
    const four = (list: readonly number[]) => list.map((value) => value.toFixed(4));
    assert.deepEqual(four(data.mean), ["0.4914", "0.4822", "0.4465"]);
    assert.deepEqual(four(data.std), ["0.2470", "0.2435", "0.2616"]);
    const counts = new Uint32Array(10);
    for (const label of (await readAll(data.test, IMAGE)).labels) counts[label]!++;
    assert.deepEqual([...counts], Array(10).fill(1000));
  },
});

Deno.test("binary CIFAR takes the names of its classes from the lists beside it, and only whole lists", async () => {
  const lines = (...names: string[]) => new TextEncoder().encode(names.join("\r\n") + "\n\n");
  const ten = Array.from({ length: 10 }, (_, k) => `class ${k}`);
  await withFolder({ ...smallCifar10(), "batches.meta.txt": lines(...ten) }, async (root) => {
    assert.deepEqual((await open(root)).classNames, ten);
  });
  const fine = Array.from({ length: 100 }, (_, k) => `f${k}`), coarse = fine.slice(0, 20);
  const hundred = {
    ...smallCifar100(),
    "fine_label_names.txt": lines(...fine),
    "coarse_label_names.txt": lines(...coarse),
  };
  await withFolder(hundred, async (root) => {
    assert.deepEqual((await open(root)).classNames, fine);
    assert.deepEqual((await open(root, { classes: 20 })).classNames, coarse);
  });
  await withFolder({ ...smallCifar10(), "batches.meta.txt": lines("one") }, async (root) => {
    const warnings: string[] = [];
    const recipe = dataRecipe({ format: "cifar", root });
    const data = await openDataset(recipe, { warn: (text) => void warnings.push(text) });
    assert.equal(data.classNames, undefined);
    const [first] = warnings.filter((text) => text.includes("batches.meta.txt"));
    assert.match(
      first!,
      /batches\.meta\.txt: expected 10 names, found others; classes are numbers/,
    );
  });
});
