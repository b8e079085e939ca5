/** NumPy data sets that are whole: files, folders, types of labels, orders of dimensions. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import {
  type DataFields,
  dataRecipe,
  ramp,
  readAll,
  rejectsData,
  withFolder,
} from "./data_helpers.ts";
import { npy, type NpyParts, word, zip } from "./support/zip.ts";

const open = (root: string, fields: DataFields = {}) =>
  openDataset(dataRecipe({ format: "npz", root, ...fields }));

const labels = (list: readonly number[], parts: Partial<NpyParts> = {}) =>
  npy({ dims: [list.length], body: list, ...parts });

/** Three training and two test images of 2×3, classes 0 to 2. */
const small = (version: 1 | 2 | 3 = 1) => ({
  "x_train.npy": npy({ dims: [3, 2, 3], body: ramp(18), version }),
  "y_train.npy": labels([2, 0, 1], { version }),
  "x_test.npy": npy({ dims: [2, 2, 3], body: ramp(12), version }),
  "y_test.npy": labels([1, 2], { version }),
});

async function checkSmall(root: string): Promise<void> {
  const data = await open(root);
  assert.deepEqual([data.classes, data.shape], [3, [2, 3, 1]]);
  const train = await readAll(data.train, 6), test = await readAll(data.test, 6);
  assert.deepEqual([[...train.images], [...train.labels]], [ramp(18), [2, 0, 1]]);
  assert.deepEqual([[...test.images], [...test.labels]], [ramp(12), [1, 2]]);
}

const npz: Record<string, Uint8Array> = {
  "stored": zip(small()),
  "deflated": zip(small(), { deflate: true }),
  "with a comment at its end": zip(small(), { comment: "a comment\n" }),
  "with .npy of version 2": zip(small(2)),
  "with .npy of version 3": zip(small(3), { deflate: true }),
  "with other arrays beside": zip({ "x_val.npy": labels([1]), ...small(), "notes.txt": ramp8(9) }),
};

function ramp8(length: number): Uint8Array {
  return Uint8Array.from(ramp(length));
}

for (const [form, file] of Object.entries(npz)) {
  Deno.test(`an .npz file is read: ${form}`, () =>
    withFolder({ "digits.npz": file }, async (folder) => {
      await checkSmall(join(folder, "digits.npz"));
      assert.equal((await open(join(folder, "digits.npz"))).name, "digits");
    }));
}

Deno.test("a folder of .npy files is read", () => withFolder(small(), checkSmall));

Deno.test("an .npz file is looked for in QTRAIN_DATA too", () =>
  withFolder(
    { "digits.npz": zip(small()) },
    () => checkSmall("nowhere/digits.npz"),
    (folder) => folder,
  ));

Deno.test("arrays may have the names that others give them", async () => {
  const names = [
    ["train_x", "train_y", "test_x", "test_y"],
    ["train_images", "train_labels", "test_images", "test_labels"],
    ["images_train", "labels_train", "images_test", "labels_test"],
    ["X_train", "Y_train", "X_test", "Y_test"],
  ];
  const arrays = Object.values(small());
  for (const four of names) {
    const files = Object.fromEntries(four.map((name, at) => [`${name}.npy`, arrays[at]!]));
    await withFolder({ "a.npz": zip(files) }, (folder) => checkSmall(join(folder, "a.npz")));
  }
});

Deno.test("labels are of any integer type, in either byte order, also as a column", async () => {
  for (const size of [1, 2, 4, 8]) {
    for (const sign of ["u", "i"]) {
      for (const order of size === 1 ? ["|"] : ["<", ">", "="]) {
        const body = [2, 0, 1].flatMap((label) =>
          order === ">" ? word(label, size).reverse() : word(label, size)
        );
        const file = labels([2, 0, 1], { dims: [3, 1], body, type: `${order}${sign}${size}` });
        await withFolder({ ...small(), "y_train.npy": file }, checkSmall);
      }
    }
  }
});

Deno.test("labels may be above 255", async () => {
  const file = labels([2, 0, 1], { body: [1, 0, 44, 1, 2, 0], type: "<u2" });
  await withFolder({ ...small(), "y_train.npy": file }, async (folder) => {
    const data = await open(folder);
    assert.equal(data.classes, 301);
    assert.deepEqual([...(await readAll(data.train, 6)).labels], [1, 300, 2]);
  });
});

/** Two images of 5×6 in `c` channels, pixel by pixel and plane by plane. */
function colour(c: number): { pixels: number[]; planes: number[] } {
  const value = (n: number, at: number, channel: number) => (n * 90 + at * c + channel) % 256;
  const image = (of: (n: number, i: number) => number) =>
    [0, 1].flatMap((n) => Array.from({ length: 30 * c }, (_, i) => of(n, i)));
  return {
    pixels: image((n, i) => value(n, Math.floor(i / c), i % c)),
    planes: image((n, i) => value(n, i % 30, Math.floor(i / 30))),
  };
}

Deno.test("channels are the last dimension, or the second, of at most 4", async () => {
  for (const c of [1, 3, 4]) {
    const { pixels, planes } = colour(c);
    for (
      const parts of [{ dims: [2, 5, 6, c], body: pixels }, { dims: [2, c, 5, 6], body: planes }]
    ) {
      const x = npy(parts), y = labels([0, 1]);
      const files = { "x_train.npy": x, "y_train.npy": y, "x_test.npy": x, "y_test.npy": y };
      await withFolder(files, async (folder) => {
        for (const fields of [{}, { size: [5, 6] as const, channels: c }]) {
          const data = await open(folder, fields);
          assert.deepEqual(data.shape, [5, 6, c]);
          assert.deepEqual([...(await readAll(data.train, 30 * c)).images], pixels);
          assert.equal(data.mean.length, c);
        }
      });
    }
  }
});

Deno.test("where two dimensions may hold the channels, the recipe decides or nobody", async () => {
  const x = npy({ dims: [1, 2, 3, 4], body: ramp(24) }), y = labels([1]);
  const files = { "x_train.npy": x, "y_train.npy": y, "x_test.npy": x, "y_test.npy": y };
  await withFolder(files, async (folder) => {
    assert.deepEqual((await open(folder, { channels: 4 })).shape, [2, 3, 4]);
    assert.deepEqual((await open(folder, { size: [3, 4] })).shape, [3, 4, 2]);
    await rejectsData(
      () => open(folder),
      `${join(folder, "x_train.npy")}: byte 10: it is unclear which dimension of ` +
        "(1, 2, 3, 4) holds the channels; give data.size and data.channels, or save larger images",
    );
  });
});

Deno.test("a recipe may take the first images of an array only, and no more", async () => {
  await withFolder(small(), async (folder) => {
    const data = await open(folder, { train: 2 });
    assert.equal(data.name, basename(folder));
    assert.deepEqual([...(await readAll(data.train, 6)).images], ramp(12));
    await rejectsData(
      () => open(folder, { test: 3 }),
      `data.test: expected at most 2, the images in ${join(folder, "x_test.npy")}, got 3; ` +
        "lower it, or 0 takes all",
    );
  });
});
