/** IDX data sets that are whole: plain, gzip, under either name, cut, and got elsewhere. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import {
  dataRecipe,
  gzip,
  ramp,
  readAll,
  rejectsData,
  smallIdx,
  withFolder,
} from "./data_helpers.ts";

const NOWHERE = join(Deno.cwd(), "nowhere/digits");
const REMEDY =
  "correct data.root, give data.root=PATH on the command line, or set QTRAIN_DATA to " +
  "the folder of all data sets";

type Files = Record<string, Uint8Array>;

async function checkSmall(root: string): Promise<void> {
  const data = await openDataset(dataRecipe({ root }));
  assert.deepEqual([data.classes, data.shape], [3, [2, 3, 1]]);
  const train = await readAll(data.train, 6);
  const test = await readAll(data.test, 6);
  assert.deepEqual([[...train.images], [...train.labels]], [ramp(18), [2, 0, 1]]);
  assert.deepEqual([[...test.images], [...test.labels]], [ramp(12), [1, 2]]);
}

const renamed = (rename: (name: string) => string, change = (bytes: Uint8Array) => bytes): Files =>
  Object.fromEntries(Object.entries(smallIdx()).map(([name, b]) => [rename(name), change(b)]));

const FORMS: Record<string, Files> = {
  "plain": renamed((name) => name),
  "gzip": renamed((name) => `${name}.gz`, gzip),
  "with a point before idx": renamed((name) => name.replace("-idx", ".idx")),
  "gzip with a point before idx": renamed((name) => `${name.replace("-idx", ".idx")}.gz`, gzip),
  "gzip named as plain": renamed((name) => name, gzip),
  "plain named as gzip": renamed((name) => `${name}.gz`),
};

for (const [form, files] of Object.entries(FORMS)) {
  Deno.test(`IDX files are read: ${form}`, () => withFolder(files, checkSmall));
}

Deno.test("a gzip file that unpacks to far more than its length is read whole", async () => {
  const zeros = { ...smallIdx() };
  const labels = new Uint8Array(8 + 1_000_000);
  const images = new Uint8Array(16 + 1_000_000);
  new DataView(labels.buffer).setUint32(0, 0x801);
  new DataView(labels.buffer).setUint32(4, 1_000_000);
  new DataView(images.buffer).setUint32(0, 0x803);
  [1_000_000, 1, 1].forEach((dim, at) => new DataView(images.buffer).setUint32(4 + 4 * at, dim));
  for (const split of ["train", "t10k"]) {
    zeros[`${split}-images-idx3-ubyte`] = gzip(images);
    zeros[`${split}-labels-idx1-ubyte`] = gzip(labels);
  }
  await withFolder(zeros, async (root) => {
    assert.equal((await openDataset(dataRecipe({ root }))).train.count, 1_000_000);
  });
});

Deno.test("a recipe may take the first images only, and no more than there are", async () => {
  await withFolder(smallIdx(), async (root) => {
    const data = await openDataset(dataRecipe({ root, train: 2, test: 2 }));
    const train = await readAll(data.train, 6);
    assert.deepEqual([[...train.images], [...train.labels]], [ramp(12), [2, 0]]);
    assert.equal(data.test.count, 2);
    await rejectsData(
      () => openDataset(dataRecipe({ root, train: 4 })),
      `data.train: expected at most 3, the images in ${join(root, "train-images-idx3-ubyte")}, ` +
        "got 4; lower it, or 0 takes all",
    );
    await rejectsData(
      () => openDataset(dataRecipe({ root, test: 3 })),
      `data.test: expected at most 2, the images in ${join(root, "t10k-images-idx3-ubyte")}, ` +
        "got 3; lower it, or 0 takes all",
    );
  });
});

Deno.test("a recipe's own root comes first, then its name in QTRAIN_DATA", async () => {
  await withFolder(smallIdx(), async (folder) => {
    await checkSmall(folder);
    await checkSmall(join("nowhere", basename(folder)));
    await rejectsData(
      () => openDataset(dataRecipe({ root: "nowhere/digits" })),
      `data.root: expected a folder with the data, found nothing at ${NOWHERE}, nor at ` +
        `${join(folder, "..", "digits")}; ${REMEDY}`,
    );
  }, (folder) => join(folder, ".."));
});

Deno.test("a root that does not exist is named, and QTRAIN_DATA offered", async () => {
  await withFolder({ file: new Uint8Array(0) }, async (folder) => {
    await rejectsData(
      () => openDataset(dataRecipe({ root: "nowhere/digits" })),
      `data.root: expected a folder with the data, found nothing at ${NOWHERE}; ${REMEDY}`,
    );
    await rejectsData(
      () => openDataset(dataRecipe({ root: join(folder, "file") })),
      `data.root: expected a folder, got a file at ${join(folder, "file")}; ` +
        "give the folder that it is in",
    );
    await rejectsData(
      () => openDataset(dataRecipe({})),
      "data.root: expected a folder with the data, got nothing; give its path",
    );
  });
});

Deno.test({
  name: "QTRAIN_DATA counts as unset where reading it is not allowed",
  permissions: { read: true, env: false },
  fn: () =>
    rejectsData(
      () => openDataset(dataRecipe({ root: "nowhere/digits" })),
      `data.root: expected a folder with the data, found nothing at ${NOWHERE}; ${REMEDY}`,
    ),
});

Deno.test({
  name: "data that may not be read says which permission is missing",
  permissions: { read: false, env: false },
  fn: () =>
    rejectsData(
      () => openDataset(dataRecipe({ root: "digits" })),
      `${
        join(Deno.cwd(), "digits")
      }: cannot read: Deno has no permission; run it with --allow-read`,
    ),
});

const shared = Deno.env.get("QTRAIN_DATA");
let fashion: string | undefined;
try {
  if (shared) fashion = Deno.statSync(join(shared, "fashion-mnist")) && "data/fashion-mnist";
} catch { /* not there: the test is skipped */ }

Deno.test({
  name: "Fashion-MNIST is read from QTRAIN_DATA",
  ignore: fashion === undefined,
  async fn() {
    const data = await openDataset(dataRecipe({ root: fashion!, size: 28, classes: 10 }));
    assert.deepEqual([data.name, data.classes, data.shape], ["fashion-mnist", 10, [28, 28, 1]]);
    assert.deepEqual([data.train.count, data.test.count], [60_000, 10_000]);
    // As published for this data set: mean 0.2860, std 0.3530.
    assert.deepEqual([data.mean[0]!.toFixed(4), data.std[0]!.toFixed(4)], ["0.2860", "0.3530"]);
    const counts = new Uint32Array(10);
    for (const label of (await readAll(data.test, 784)).labels) counts[label]!++;
    assert.deepEqual([...counts], Array(10).fill(1000));
  },
});

Deno.test({
  name: "a file whose permissions forbid reading is an error with its path",
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: () =>
    withFolder(smallIdx(), async (root) => {
      const path = join(root, "train-labels-idx1-ubyte");
      await Deno.chmod(path, 0);
      await rejectsData(
        () => openDataset(dataRecipe({ root })),
        `${path}: cannot read: permission denied; change its permissions or give another path`,
      );
    }),
});
