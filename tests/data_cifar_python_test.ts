/** CIFAR in the Python version: pickles of all protocols, names of classes; and pickles that are refused. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import { readPickle } from "../lib/data/formats/pickle.ts";
import { dataRecipe, readAll, rejectsData, withFolder } from "./data_helpers.ts";
import { IMAGE, pixel } from "./support/cifar.ts";
import { BATCHES, CALLING } from "./support/pickles.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NAMES = ["1", "2", "3", "4", "5"].map((number) => `data_batch_${number}`);

/** The five files to train on and the one to test on, all of the same contents. */
const sixOf = (batch: Bytes): Record<string, Bytes> =>
  Object.fromEntries([...NAMES, "test_batch"].map((name) => [name, batch]));

const expected = (seed: number): number[] =>
  Array.from({ length: IMAGE }, (_, at) => pixel(seed, at % 3, Math.floor(at / 3)));

async function open(root: string, fields = {}) {
  const warnings: string[] = [];
  const data = await openDataset(dataRecipe({ format: "cifar", root, ...fields }), {
    warn: (text) => warnings.push(text),
  });
  return { data, warnings };
}

/** A pickle of `{name: […]}` with lists of text, protocol 2. */
function pickledNames(lists: Readonly<Record<string, readonly string[]>>): Bytes {
  const text = (value: string) => {
    const bytes = new TextEncoder().encode(value);
    return [0x58, bytes.length, 0, 0, 0, ...bytes];
  };
  const items = Object.entries(lists).flatMap(([key, names]) => [
    ...text(key),
    0x5d,
    0x28,
    ...names.flatMap(text),
    0x65,
  ]);
  return Uint8Array.from([0x80, 2, 0x7d, 0x28, ...items, 0x75, 0x2e]);
}

for (const [writer, batch] of Object.entries(BATCHES)) {
  Deno.test(`CIFAR-10's Python version is read: ${writer}`, () =>
    withFolder(sixOf(batch), async (root) => {
      const { data, warnings } = await open(root);
      assert.deepEqual([data.name, data.classes, data.shape], ["CIFAR-10", 10, [32, 32, 3]]);
      assert.deepEqual([data.train.count, data.test.count], [10, 2]);
      const { images, labels } = await readAll(data.train, IMAGE);
      assert.deepEqual([...labels], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
      assert.deepEqual([...images.subarray(IMAGE, 2 * IMAGE)], expected(1));
      assert.deepEqual([...images.subarray(8 * IMAGE, 9 * IMAGE)], expected(0));
      // One line for five files.
      assert.deepEqual(warnings.filter((text) => text.includes("published")).length, 2);
    }));
}

Deno.test("the Python version gives its classes their names, in the folder of its archive", async () => {
  const names = Array.from({ length: 10 }, (_, label) => `class ${label}é`);
  const files = Object.fromEntries(
    Object.entries({
      ...sixOf(BATCHES["protocol 2"]!),
      "batches.meta": pickledNames({ label_names: names }),
    }).map(([name, bytes]) => [`cifar-10-batches-py/${name}`, bytes]),
  );
  await withFolder(files, async (root) => {
    assert.deepEqual((await open(root)).data.classNames, names);
  });
});

Deno.test("a file of names that has none is said, and classes are numbers", () =>
  withFolder(
    { ...sixOf(BATCHES["protocol 4"]!), "batches.meta": Uint8Array.of(88) },
    async (root) => {
      const { data, warnings } = await open(root);
      assert.equal(data.classNames, undefined);
      assert.equal(
        warnings[0],
        `${join(root, "batches.meta")}: expected "label_names" with 10 names, found none; ` +
          "classes are numbers",
      );
    },
  ));

Deno.test("CIFAR-100's Python version has its fine labels, or its coarse ones", () => {
  const batch = (fine: number, coarse: number) => {
    const image = Uint8Array.from({ length: IMAGE }, (_, at) => at % 251);
    const key = (name: string) => [0x55, name.length, ...new TextEncoder().encode(name)];
    return Uint8Array.from([
      ...[0x80, 2, 0x7d, 0x28],
      ...[...key("data"), 0x54, IMAGE & 255, IMAGE >> 8, 0, 0, ...image],
      ...[...key("fine_labels"), 0x5d, 0x28, 0x4b, fine, 0x65],
      ...[...key("coarse_labels"), 0x5d, 0x28, 0x4b, coarse, 0x65],
      ...[0x75, 0x2e],
    ]);
  };
  const fineNames = Array.from({ length: 100 }, (_, label) => `fine ${label}`);
  const coarseNames = Array.from({ length: 20 }, (_, label) => `coarse ${label}`);
  const files = {
    train: batch(73, 4),
    test: batch(9, 2),
    meta: pickledNames({ fine_label_names: fineNames, coarse_label_names: coarseNames }),
  };
  return withFolder(files, async (root) => {
    const { data: fine } = await open(root);
    assert.deepEqual([fine.name, fine.classes, [...fine.train.labels]], ["CIFAR-100", 100, [73]]);
    assert.deepEqual(fine.classNames, fineNames);
    const { data: coarse } = await open(root, { classes: 20 });
    assert.deepEqual([coarse.classes, [...coarse.test.labels]], [20, [2]]);
    assert.deepEqual(coarse.classNames, coarseNames);
  });
});

Deno.test("a pickle that calls a function is refused by its name, and nothing is called", async () => {
  for (const bytes of CALLING) {
    await withFolder(sixOf(bytes), async (root) => {
      const names = { root, path: join(root, "data_batch_1") };
      await assert.rejects(open(root), (error: Error) => {
        const { path } = names;
        assert.equal(
          error.message.replace(/byte \d+/, "byte N"),
          `${path}: byte N: expected a pickle of plain values and NumPy arrays, got the name ` +
            "posix.system, which is not called; get the file again",
        );
        return true;
      });
    });
  }
});

Deno.test("a damaged or cut pickle is refused with the place", () => {
  const whole = BATCHES["protocol 4"]!;
  const cases: [Bytes, RegExp][] = [
    [whole.slice(0, 3000), /byte \d+: expected \d+ bytes more, got \d+: the pickle is cut short/],
    [new Uint8Array(0), /byte 0: expected 1 bytes more, got 0: the pickle is cut short/],
    [Uint8Array.of(0x2e), /byte 0: .*got an instruction without a value/],
    [Uint8Array.of(0xff), /byte 0: .*got the instruction 0xff/],
    [Uint8Array.of(0x28, 0x2e), /byte 1: .*got an instruction without a value/],
    [Uint8Array.of(0x68, 7), /byte 0: .*got the value 7, which was not kept/],
    [Uint8Array.of(0x8a, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9), /byte 0: .*a number of more than 64 bits/],
  ];
  for (const [bytes, message] of cases) assert.throws(() => readPickle(bytes, "a.pkl"), message);
  // Every place of the file where it may be cut.
  for (let end = 0; end < whole.length; end += 7) {
    assert.throws(() => readPickle(whole.slice(0, end), "a.pkl"), { name: "DataError" });
  }
});

Deno.test("a pickle of something else is refused with what it holds", () =>
  withFolder(sixOf(pickledNames({ labels: ["a"] })), (root) =>
    rejectsData(
      () => open(root),
      `${
        join(root, "data_batch_1")
      }: byte 0: expected "data" with 3,072 bytes for each image and ` +
        '"labels" with a label for each, got no "data" and "labels" with 1 values; get the file again',
    )));
