/** Folders of images: layouts, what images become, and what is held out. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import { FolderSplit } from "../lib/data/image_folder/split.ts";
import { decodeImage } from "../lib/image/decode.ts";
import { resizeAndCrop } from "../lib/image/resize.ts";
import { type DataFields, dataRecipe, readAll, withFolder } from "./data_helpers.ts";
import { jpeg, turnedJpeg } from "./support/images.ts";
import { IMAGENET, PLAIN, plainPng, TINY } from "./support/image_folders.ts";
import { ROOT } from "./support/command.ts";

const open = (root: string, fields: DataFields = {}, warnings?: string[]) =>
  openDataset(dataRecipe({ format: "folder", root, size: 4, ...fields }), {
    warn: (text) => warnings?.push(text),
  });

/** Paths of a split relative to `root`, with the label of each. */
const listed = (root: string, split: unknown) => {
  const { source } = split as FolderSplit;
  return source.paths.map((path, i) =>
    `${relative(root, path).replaceAll("\\", "/")} ${source.labels[i]}`
  );
};

Deno.test("ImageNet's layout: classes are the folders of train in order, images in turn", async () => {
  await withFolder(IMAGENET, async (root) => {
    const data = await open(root);
    assert.deepEqual([data.classes, data.classNames, data.shape], [2, ["cat", "dog"], [4, 4, 3]]);
    assert.deepEqual(listed(root, data.train), [
      "train/cat/1.png 0",
      "train/dog/1.png 1",
      "train/cat/2.jpg 0",
      "train/dog/deeper/2.PNG 1",
      "train/cat/3.JPEG 0",
    ]);
    assert.deepEqual(listed(root, data.test), ["val/cat/9.png 0", "val/dog/8.png 1"]);
    const some = await open(root, { train: 2, test: 1 });
    assert.deepEqual([some.train.count, some.test.count], [2, 1]);
  });
});

Deno.test("the test split is val, else validation, else valid, else test", async () => {
  for (const name of ["validation", "valid", "test"]) {
    const files = Object.fromEntries(
      Object.entries(IMAGENET).map(([path, bytes]) => [path.replace(/^val/, name), bytes]),
    );
    await withFolder(files, async (root) => {
      assert.equal(listed(root, (await open(root)).test)[0], `${name}/cat/9.png 0`);
    });
  }
});

Deno.test("Tiny ImageNet's layout: classes of test images are those of val_annotations.txt", async () => {
  await withFolder(TINY, async (root) => {
    const data = await open(root);
    assert.deepEqual(data.classNames, ["n1", "n2"]);
    assert.deepEqual(listed(root, data.train), [
      "train/n1/images/n1_0.JPEG 0",
      "train/n2/images/n2_0.JPEG 1",
      "train/n1/images/n1_1.JPEG 0",
    ]);
    assert.deepEqual(listed(root, data.test), [
      "val/images/val_1.JPEG 0",
      "val/images/val_0.JPEG 1",
    ]);
  });
});

Deno.test("words.txt says what a person calls a class, where it has a line for it", async () => {
  const words = "n2\tEgyptian cat, puss\r\nn9\tmissing\n\nn1 without a tab\n";
  await withFolder({ ...TINY, "words.txt": new TextEncoder().encode(words) }, async (root) => {
    const { classNames, train } = await open(root);
    assert.deepEqual(classNames, ["n1", "n2 Egyptian cat"]);
    assert.ok(train.count > 0);
  });
});

/** Text as Windows writes it. */
function windowsText(text: string, encoding: "utf-8" | "utf-16"): Uint8Array<ArrayBuffer> {
  const marked = "\ufeff" + text.replaceAll("\n", "\r\n");
  return encoding === "utf-8"
    ? new TextEncoder().encode(marked)
    : new Uint8Array(Uint16Array.from(marked, (c) => c.charCodeAt(0)).buffer);
}

for (const encoding of ["utf-8", "utf-16"] as const) {
  Deno.test(`lists that Windows wrote as ${encoding} are read as any other`, async () => {
    const text = (path: keyof typeof TINY) =>
      windowsText(new TextDecoder().decode(TINY[path]), encoding);
    const files = {
      ...TINY,
      "wnids.txt": text("wnids.txt"),
      "val/val_annotations.txt": text("val/val_annotations.txt"),
      "words.txt": windowsText("n1\tgoldfish\nn2\tsalamander\n", encoding),
    };
    await withFolder(files, async (root) => {
      const { classNames, test } = await open(root);
      assert.deepEqual(classNames, ["n1 goldfish", "n2 salamander"]);
      assert.equal(test.count, 2);
    });
  });
}

Deno.test("images that no line of val_annotations.txt names are counted", async () => {
  await withFolder({ ...TINY, "val/images/val_7.JPEG": jpeg("grey") }, async (root) => {
    const warnings: string[] = [];
    await open(root, {}, warnings);
    assert.match(warnings[0]!, /1 image that no line names \(val\/images\/val_7.JPEG\)/);
  });
});

Deno.test("without a test split, a share of each class is held out, by the seed", async () => {
  await withFolder(PLAIN, async (root) => {
    const split = async (fields: DataFields) => {
      const { train, test } = await open(root, fields);
      return { train: listed(root, train).sort(), test: listed(root, test).sort() };
    };
    const found = await split({ holdout: 0.25, seed: 1 });
    assert.deepEqual([found.train.length, found.test.length], [18, 6]);
    assert.deepEqual(found.test.map((line) => line.at(-1)).sort().join(""), "000111");
    assert.deepEqual(await split({ holdout: 0.25, seed: 1 }), found);
    assert.notDeepEqual((await split({ holdout: 0.25, seed: 2 })).test, found.test);
    assert.equal(new Set([...found.train, ...found.test]).size, 24);
    // At least one is held out, which the layout says where the share is none, and one is left.
    assert.equal((await split({ holdout: 0.001 })).test.length, 2);
    const layout = async (holdout: number) => (await open(root, { holdout })).layout;
    assert.equal(
      await layout(0.01),
      "2 class folders (train among them), 1% of each, at least one, held out to test",
    );
    assert.equal(
      await layout(0.25),
      "2 class folders (train among them), 25% of each held out to test",
    );
    assert.equal((await split({ holdout: 0.999 })).train.length, 2);
  });
});

Deno.test("an image that is added moves few others between training and test", async () => {
  await withFolder(PLAIN, async (root) => {
    const before = listed(root, (await open(root, { holdout: 0.25, seed: 1 })).test);
    await Deno.writeFile(join(root, "red", "new.png"), plainPng(1, 4, 4));
    const after = listed(root, (await open(root, { holdout: 0.25, seed: 1 })).test);
    assert.ok(before.filter((line) => !after.includes(line)).length <= 1);
  });
});

Deno.test("an image of the wanted size is kept as it is, others just cover it and lose their edges", async () => {
  const files = {
    "a/1.jpg": jpeg("colour"),
    "b/1.jpg": turnedJpeg("colour", 6),
    "a/2.png": plainPng(1, 4, 4),
    "b/2.png": plainPng(2, 4, 4),
  };
  await withFolder(files, async (root) => {
    const { train } = await open(root, { size: [12, 20], holdout: 0.5 });
    for (const [index, path] of (train as FolderSplit).source.paths.entries()) {
      const bytes = await Deno.readFile(path);
      const image = await decodeImage(bytes, path);
      const pixels = new Uint8Array(720);
      await train.read(Uint32Array.of(index), pixels, new Uint32Array(1));
      assert.deepEqual(pixels, resizeAndCrop(image, 3, 12, 20).pixels);
      if (image.width === 20) assert.deepEqual(pixels, image.pixels);
    }
  });
});

Deno.test("images become grey where the recipe has one channel", async () => {
  await withFolder(IMAGENET, async (root) => {
    const { shape, train } = await open(root, { channels: 1 });
    assert.deepEqual(shape, [4, 4, 1]);
    const { images } = await readAll(train, 16);
    assert.equal(images.length, train.count * 16);
  });
});

Deno.test("images are decoded when asked for, once, and later reads give the same bytes", async () => {
  await withFolder(IMAGENET, async (root) => {
    const { train } = await open(root);
    const first = await readAll(train, 48);
    for (const path of (train as FolderSplit).source.paths) await Deno.remove(path);
    assert.deepEqual(await readAll(train, 48), first);
    // A thread that gets the source as a message shares what was decoded.
    const other = new FolderSplit((train as FolderSplit).source);
    assert.deepEqual(await readAll(other, 48), first);
    const { cache: _, ...without } = (train as FolderSplit).source;
    await assert.rejects(readAll(new FolderSplit(without), 48), { name: "DataError" });
  });
});

Deno.test("a stored image has the size of its file", async () => {
  await withFolder(IMAGENET, async (root) => {
    const train = (await open(root)).train as FolderSplit;
    for (let index = 0; index < train.count; index++) {
      for (let time = 0; time < 2; time++) {
        const { data, h, w, c } = await train.image(index);
        const image = await decodeImage(await Deno.readFile(train.nameOf(index)), "x");
        assert.deepEqual([h, w, c], [image.height, image.width, 3]);
        assert.deepEqual(data, image.pixels);
        // What is between must not change it.
        await readAll(train, 48);
      }
    }
  });
});

Deno.test("a folder is found in QTRAIN_DATA, and nothing of it is decoded by opening", async () => {
  const files = Object.fromEntries(
    Object.keys(IMAGENET).map((path) => [`pets/${path}`, new Uint8Array(3)]),
  );
  await withFolder(files, async () => {
    assert.equal((await open("nowhere/pets")).train.count, 5);
  }, (folder) => folder);
});

const tiny = Deno.env.get("QTRAIN_DATA") ? `${Deno.env.get("QTRAIN_DATA")}/tiny-imagenet-20` : "";
let published = false;
try {
  published = Deno.statSync(tiny).isDirectory;
} catch { /* not there: the test is skipped */ }

Deno.test({
  name: "Tiny ImageNet opens in a moment, its grey images among them",
  ignore: !published,
  async fn() {
    const start = performance.now();
    const data = await open(`${ROOT}/tiny-imagenet-20`, { size: 64 });
    assert.ok(performance.now() - start < 3000);
    assert.deepEqual([data.train.count, data.test.count, data.classes], [10_000, 1000, 20]);
    const { labels } = await readAll(data.test, 64 * 64 * 3);
    const counts = new Uint32Array(20);
    for (const label of labels) counts[label]!++;
    assert.deepEqual([...counts], Array(20).fill(50));
  },
});
