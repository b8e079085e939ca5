/** Folders of images that are wrong: each is refused, or gone on with, in exact words. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DataLoader } from "../lib/data/loader.ts";
import { openDataset } from "../lib/data/open.ts";
import { type DataFields, dataRecipe, readAll, rejectsData, withFolder } from "./data_helpers.ts";
import { IMAGENET, plainPng, TINY } from "./support/image_folders.ts";
import { jpeg } from "./support/images.ts";

type Files = Readonly<Record<string, Uint8Array>>;

const open = (root: string, fields: DataFields = {}, warnings?: string[]) =>
  openDataset(dataRecipe({ format: "folder", root, size: 4, ...fields }), {
    warn: (text) => warnings?.push(text),
  });

/** The beginning of a photo of an iPhone. */
const HEIC = new TextEncoder().encode("\0\0\0\x18ftypheic\0\0\0\0");

const text = (words: string) => new TextEncoder().encode(words);

/** Files without some, and with others. */
function changed(files: Files, without: RegExp, more: Files = {}): Files {
  const kept = Object.entries(files).filter(([path]) => !without.test(path));
  return { ...Object.fromEntries(kept), ...more };
}

const NONE = /^$/;

const REFUSED: [what: string, files: Files, fields: DataFields, message: string][] = [
  [
    "an empty class folder",
    changed(IMAGENET, /train\/dog/, { "train/dog/notes.txt": text("none yet") }),
    {},
    "ROOT/train/dog: expected images of this class, got only 1 file that is no image (text; " +
    "notes.txt); add some, or remove the folder",
  ],
  [
    "a class folder with images of other kinds alone",
    changed(IMAGENET, /train\/dog/, {
      "train/dog/1.heic": HEIC,
      "train/dog/2": HEIC,
    }),
    {},
    "ROOT/train/dog: expected images of this class, got only 2 images of kinds that are not read " +
    "(HEIC; 1.heic, 2); convert them, or remove the folder",
  ],
  [
    "a class that only validation has",
    changed(IMAGENET, NONE, { "val/cow/1.png": plainPng(1, 4, 4) }),
    {},
    "ROOT/val/cow: expected only classes that ROOT/train has, got cow; add training images of " +
    "it, or remove the folder",
  ],
  [
    "a folder without folders",
    { "1.png": plainPng(1, 4, 4) },
    {},
    "ROOT: expected a folder of images for each of two or more classes (or train and val with one " +
    "for each), got only 1 image outside the class folders (1.png); make them, or correct data.root",
  ],
  [
    "one class alone",
    changed(IMAGENET, /dog/),
    {},
    "ROOT/train: expected a folder of images for each of two or more classes (or train and val " +
    "with one for each), got only cat; make them, or correct data.root",
  ],
  [
    "a validation split without images",
    changed(IMAGENET, /^val/, { "val/readme.txt": text("later") }),
    {},
    "ROOT/val: expected images to measure accuracy on, in a folder for each class, found none; add " +
    "some, or remove the folder to hold out a share of the training images",
  ],
  [
    "another number of classes",
    IMAGENET,
    { classes: 3 },
    "data.classes: expected 2, the folders in ROOT/train, got 3; correct it or leave it out",
  ],
  [
    "more images than there are",
    IMAGENET,
    { train: 6 },
    "data.train: expected at most 5, the images in ROOT, got 6; lower it, or 0 takes all",
  ],
  [
    "nothing to hold out",
    { "a/1.png": plainPng(1, 4, 4), "b/1.png": plainPng(1, 4, 4) },
    {},
    "ROOT: expected at least two images of a class, one of them to measure accuracy on, got one " +
    "of each; add more",
  ],
  [
    "an annotation of an image that is not there",
    changed(TINY, NONE, {
      "val/val_annotations.txt": text("val_0.JPEG\tn2\t0\t0\t9\t9\nval_7.JPEG\tn1\t0\t0\t9\t9\n"),
    }),
    {},
    "ROOT/val/val_annotations.txt:2: expected an image that is in ROOT/val/images, got " +
    "val_7.JPEG; correct the line, or unpack the data set again",
  ],
  [
    "an annotation with a class that training lacks",
    changed(TINY, NONE, { "val/val_annotations.txt": text("val_0.JPEG\tn9\t0\t0\t9\t9\n") }),
    {},
    "ROOT/val/val_annotations.txt:1: expected a class that training has, got n9; correct the " +
    "line, or unpack the data set again",
  ],
  [
    "an annotation without a class",
    changed(TINY, NONE, { "val/val_annotations.txt": text("\nval_0.JPEG n2\n") }),
    {},
    "ROOT/val/val_annotations.txt:2: expected a file and a class with a tab between, got " +
    '"val_0.JPEG n2"; correct the line, or unpack the data set again',
  ],
  [
    "an image that is annotated twice",
    changed(TINY, NONE, { "val/val_annotations.txt": text("val_0.JPEG\tn2\nval_0.JPEG\tn1\n") }),
    {},
    "ROOT/val/val_annotations.txt:2: expected every image once, got val_0.JPEG again; correct " +
    "the line, or unpack the data set again",
  ],
  [
    "annotations without a line",
    changed(TINY, NONE, { "val/val_annotations.txt": text("\n") }),
    {},
    "ROOT/val/val_annotations.txt:1: expected a line for each image, found none; get it again",
  ],
  [
    "annotations without images",
    changed(TINY, /val\/images/),
    {},
    "ROOT/val/images: expected the images that ROOT/val/val_annotations.txt names, found no such " +
    "folder; unpack the data set again",
  ],
  [
    "a class of wnids.txt without a folder",
    changed(TINY, NONE, { "wnids.txt": text("n1\nn2\nn3\n") }),
    {},
    "ROOT/wnids.txt:3: expected a folder in ROOT/train for each class it names, found none for n3; " +
    "unpack the data set again, or correct the file",
  ],
];

for (const [what, files, fields, message] of REFUSED) {
  Deno.test(`a folder of images with ${what} is refused`, () =>
    withFolder(files, async (root) => {
      await rejectsData(() => open(root, fields), message.replaceAll("ROOT", root));
    }));
}

Deno.test("a missing folder is refused with both places", () =>
  withFolder({}, () =>
    rejectsData(
      () => open("nowhere/pets"),
      "data.root: expected a folder with the data, found nothing at " +
        `${Deno.cwd()}/nowhere/pets; correct data.root, give data.root=PATH on the command line, ` +
        "or set QTRAIN_DATA to the folder of all data sets",
    )));

const BAD = changed(IMAGENET, NONE, { "train/cat/2.jpg": text("This is a letter, no picture.") });
const LETTER =
  "byte 0: expected a JPEG, PNG, WebP, GIF or BMP image, got text; get the file again or remove it";

Deno.test("a file that is no image stops training with its path", async () => {
  await withFolder(BAD, async (root) => {
    const { train } = await open(root);
    await rejectsData(
      () => readAll(train, 48),
      `${
        join(root, "train/cat/2.jpg")
      }: ${LETTER}; or set data.on_bad_image: skip to go on without it`,
    );
  });
});

Deno.test("with on_bad_image: skip, the next good image of its class takes its place, always the same", async () => {
  await withFolder(BAD, async (root) => {
    const warnings: string[] = [];
    const { train } = await open(root, { on_bad_image: "skip" }, warnings);
    const { images, labels } = await readAll(train, 48);
    assert.deepEqual([...labels], [0, 1, 0, 1, 0]);
    // cat/2.jpg is image 2, cat/3.JPEG is image 4.
    assert.deepEqual(images.slice(2 * 48, 3 * 48), images.slice(4 * 48, 5 * 48));
    assert.deepEqual(warnings.slice(1), [
      `${join(root, "train/cat/2.jpg")}: ${LETTER}; another image of its class takes its place`,
    ]);
    const { train: again } = await open(root, { on_bad_image: "skip" });
    const last = new Uint8Array(48);
    await again.read(Uint32Array.of(2), last, new Uint32Array(1));
    assert.deepEqual(last, images.slice(2 * 48, 3 * 48));
  });
});

Deno.test("a class without one good image is refused even with on_bad_image: skip, with every reason", async () => {
  const cases: [files: Record<string, Uint8Array>, message: string][] = [
    [
      { "train/dog/1.heic.jpg": HEIC, "train/dog/2.jpg": HEIC, "train/dog/3.jpg": HEIC },
      "ROOT/train/dog/1.heic.jpg: expected an image of its class that can be decoded, got none of 3, for one reason: " +
      "expected a JPEG, PNG, WebP, GIF or BMP image, got a HEIC image; convert them (magick mogrify " +
      "-format jpg ROOT/train/dog/*.jpg) or remove them",
    ],
    [
      { "train/dog/1.png": text("nothing"), "train/dog/2.png": text("more") },
      "ROOT/train/dog/1.png: expected an image of its class that can be decoded, got none of 2, for one reason: " +
      "expected a JPEG, PNG, WebP, GIF or BMP image, got text; get them again or remove them",
    ],
    [
      { "train/dog/2.jpg": jpeg("colour").slice(0, 100) },
      "ROOT/train/dog/2.jpg: expected an image of its class that can be decoded, got only this: the JPEG image ends " +
      "before its pixels; get the file again",
    ],
    [
      {
        "train/dog/1.png": text("nothing"),
        "train/dog/2.png": text("nothing"),
        "train/dog/deeper/2.PNG": jpeg("colour").slice(0, 100),
      },
      "ROOT/train/dog/1.png: expected an image of its class that can be decoded, got none of 3: expected a JPEG, PNG, " +
      "WebP, GIF or BMP image, got text (1.png and 1 more); the JPEG image ends before its pixels " +
      "(2.PNG); convert or replace them, or remove them",
    ],
  ];
  for (const [dogs, message] of cases) {
    await withFolder(changed(IMAGENET, /train\/dog/, dogs), async (root) => {
      const warnings: string[] = [];
      const { train } = await open(root, { on_bad_image: "skip" }, warnings);
      const dog = Uint32Array.of(train.labels.indexOf(1));
      for (let time = 0; time < 2; time++) {
        await assert.rejects(
          async () => await train.read(dog, new Uint8Array(48), new Uint32Array(1)),
          { name: "DataError", message: message.replaceAll("ROOT", root) },
        );
      }
      // Nothing took the place of any.
      assert.ok(warnings.every((line) => line.includes("left out 1 file")), `${warnings}`);
    });
  }
});

Deno.test("of many bad files ten are named and the rest counted, from any number of workers", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`a/${i}.png`, i < 25 ? text("no") : plainPng(i, 4, 4)]),
  );
  const odd = Object.fromEntries(
    Array.from({ length: 24 }, (_, i) => [`b/${i}.jpg`, plainPng(i, 4, 4)]),
  );
  await withFolder({ ...files, ...odd }, async (root) => {
    for (const workers of [0, 2]) {
      const warnings: string[] = [], warn = (line: string) => void warnings.push(line);
      const data = await openDataset(
        dataRecipe({ format: "folder", root, size: 4, holdout: 0.5, on_bad_image: "skip" }),
        { warn },
      );
      const loader = await DataLoader.open(data, { workers, batch: 4 });
      for (let time = 0; time < 2; time++) {
        for (const split of ["train", "test"] as const) {
          const indices = Uint32Array.from(data[split].labels, (_, index) => index);
          await loader.read(split, { indices, batch: indices.length });
        }
      }
      loader.close();
      assert.equal(warnings.filter((line) => line.includes("takes its place")).length, 10);
      assert.equal(warnings.filter((line) => line.endsWith("despite its extension")).length, 10);
      assert.deepEqual(warnings.slice(20), [
        "15 more files cannot be decoded either",
        "14 more files have warnings like these",
      ]);
    }
  });
});

Deno.test("what is odd about a folder is warned of when it is opened", async () => {
  const files = changed(IMAGENET, /val\/dog/, {
    "train/cat/4.tif": text("II*\0\0"),
    "train/dog/4.heic": HEIC,
    "train/dog/5.heic": HEIC,
    "train/loose.png": plainPng(1, 4, 4),
  });
  await withFolder(files, async (root) => {
    const warnings: string[] = [];
    await open(root, {}, warnings);
    assert.deepEqual(warnings, [
      `${root}: left out 3 images of kinds that are not read (HEIC: 2, TIFF: 1; train/cat/4.tif, ` +
      `train/dog/4.heic, train/dog/5.heic), 1 file that is no image (nothing but zeros; ` +
      `train/cat/notes.txt), 1 image outside the class folders (train/loose.png)`,
      `${join(root, "val")}: 1 of 2 classes have no test image (dog)`,
    ]);
  });
});

Deno.test("an image that was taken away since it was found is an error with its path", async () => {
  await withFolder(IMAGENET, async (root) => {
    const { train } = await open(root);
    await Deno.remove(join(root, "train/dog/1.png"));
    await assert.rejects(async () => await readAll(train, 48), {
      name: "DataError",
      message: /train.dog.1\.png: expected an image file, found nothing there; put it back/,
    });
  });
});

Deno.test({
  name:
    "links that lead nowhere are counted, of images and of classes; one that leads back adds none",
  ignore: Deno.build.os === "windows",
  async fn() {
    await withFolder(IMAGENET, async (root) => {
      await Deno.symlink("nowhere.png", join(root, "train/cat/0.png"));
      await Deno.symlink("/nowhere", join(root, "train/bird"));
      await Deno.symlink("itself", join(root, "itself"));
      await Deno.symlink("..", join(root, "train/dog/up"));
      await Deno.symlink(".", join(root, "train/dog/loop"));
      const warnings: string[] = [];
      const { train } = await open(root, {}, warnings);
      assert.equal(train.count, 5);
      assert.match(
        warnings[0]!,
        /3 links that lead nowhere \(itself, train\/bird, train\/cat\/0.png\)$/,
      );
    });
  },
});
