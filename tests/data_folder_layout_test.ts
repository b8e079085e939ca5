/** How folders of images are laid out: understood for certain, or refused with a way out that works. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import { listImages } from "../lib/data/image_folder/list.ts";
import type { FolderSplit } from "../lib/data/image_folder/split.ts";
import { type DataFields, dataRecipe, withFolder } from "./data_helpers.ts";
import { encodePng } from "../lib/image/png_encode.ts";
import { qtrain } from "./support/command.ts";
import { plainPng } from "./support/image_folders.ts";

const IMAGE = plainPng(1, 4, 4), TEXT = new TextEncoder().encode("data: {}\n");

const open = (root: string, warnings: string[] = [], fields: DataFields = {}) =>
  openDataset(dataRecipe({ format: "folder", root, size: 4, holdout: 0.5, ...fields }), {
    warn: (text) => warnings.push(text),
  });

/** Two images in each of these folders; a name that ends with a dot or an ending is one file. */
function files(...paths: string[]): Record<string, Uint8Array> {
  return Object.fromEntries(
    paths.flatMap((path) => /\.\w+$/.test(path) ? [path] : [`${path}/1.png`, `${path}/2.png`])
      .map((path) => [path, IMAGE]),
  );
}

/** Both splits of a folder of classes, e.g. `train/cat`. */
const splits = (...names: string[]) =>
  files(...names.flatMap((name) => [`${name}/cat`, `${name}/dog`]));

const paths = (root: string, split: unknown) =>
  (split as FolderSplit).source.paths.map((path) => relative(root, path).replaceAll("\\", "/"));

const UNDERSTOOD: [
  what: string,
  files: Record<string, Uint8Array>,
  classes: string[],
  layout: string,
  warnings?: string,
][] = [
  [
    "Training and Testing",
    splits("Training", "Testing"),
    ["cat", "dog"],
    "Training/ to train and Testing/ to test, 2 class folders",
  ],
  [
    "TRAIN and VAL",
    splits("TRAIN", "VAL"),
    ["cat", "dog"],
    "TRAIN/ to train and VAL/ to test, 2 class folders",
  ],
  [
    "train and dev",
    splits("train", "dev"),
    ["cat", "dog"],
    "train/ to train and dev/ to test, 2 class folders",
  ],
  [
    "train and Evaluation",
    splits("train", "Evaluation"),
    ["cat", "dog"],
    "train/ to train and Evaluation/ to test, 2 class folders",
  ],
  [
    "training_set and test_set",
    splits("training_set", "test_set"),
    ["cat", "dog"],
    "training_set/ to train and test_set/ to test, 2 class folders",
  ],
  ["Training images and ValidationData", splits("Training images", "ValidationData"), [
    "cat",
    "dog",
  ], "Training images/ to train and ValidationData/ to test, 2 class folders"],
  [
    "folders in folders of the same name",
    splits("training_set/training_set", "test_set/test_set"),
    ["cat", "dog"],
    "training_set/training_set/ to train and test_set/test_set/ to test, 2 class folders",
  ],
  [
    "a folder around the splits",
    splits("photos/train", "photos/valid"),
    ["cat", "dog"],
    "photos/train/ to train and photos/valid/ to test, 2 class folders",
  ],
  [
    "one word before the names of splits, and pictures to predict",
    {
      ...splits("seg_train/seg_train", "seg_test/seg_test"),
      ...files("seg_pred/seg_pred/1.png"),
    },
    ["cat", "dog"],
    "seg_train/seg_train/ to train and seg_test/seg_test/ to test, 2 class folders",
    "left out 1 folder of images (seg_pred)",
  ],
  [
    "years behind the names of splits",
    splits("train2017", "val2017"),
    ["cat", "dog"],
    "train2017/ to train and val2017/ to test, 2 class folders",
  ],
  [
    "several folders around the splits",
    splits("ILSVRC/Data/CLS-LOC/train", "ILSVRC/Data/CLS-LOC/val"),
    ["cat", "dog"],
    "ILSVRC/Data/CLS-LOC/train/ to train and ILSVRC/Data/CLS-LOC/val/ to test, 2 class folders",
  ],
  [
    "train, val and test",
    splits("train", "val", "test"),
    ["cat", "dog"],
    "train/ to train and val/ to test, 2 class folders",
    "left out 1 folder of images (test)",
  ],
  [
    "train, val and a test split without classes",
    { ...splits("train", "val"), ...files("test/x.png") },
    ["cat", "dog"],
    "train/ to train and val/ to test, 2 class folders",
    "left out 1 folder of images (test)",
  ],
  [
    "a test split without classes",
    { ...splits("Train"), ...files("Test/x.png") },
    ["cat", "dog"],
    "Train/ alone, 2 class folders, 50% of each held out to test",
    "left out 1 folder of images (Test)",
  ],
  [
    "train alone",
    splits("Train"),
    ["cat", "dog"],
    "Train/ alone, 2 class folders, 50% of each held out to test",
  ],
  [
    "splits and another folder",
    { ...splits("train", "val"), ...files("unlabelled") },
    ["cat", "dog"],
    "train/ to train and val/ to test, 2 class folders",
    "left out 1 folder of images (unlabelled)",
  ],
  [
    "classes alone",
    files("cat", "dog"),
    ["cat", "dog"],
    "2 class folders, 50% of each held out to test",
  ],
  [
    "a class of trains",
    files("bus", "car", "train"),
    ["bus", "car", "train"],
    "3 class folders (train among them), 50% of each held out to test",
  ],
  [
    "a class of trains with folders in it",
    files("bus", "train", "train/steam"),
    ["bus", "train"],
    "2 class folders (train among them), 50% of each held out to test",
  ],
  ["trains in splits", files("train/bus", "train/train", "test/bus", "test/train"), [
    "bus",
    "train",
  ], "train/ to train and test/ to test, 2 class folders"],
  ["classes with words of splits in their names", files("train station", "test tube"), [
    "test tube",
    "train station",
  ], "2 class folders, 50% of each held out to test"],
];

for (const [what, files, classes, layout, warning] of UNDERSTOOD) {
  Deno.test(`a folder is understood with ${what}`, () =>
    withFolder(files, async (root) => {
      const warnings: string[] = [], data = await open(root, warnings);
      assert.deepEqual(data.classNames, classes);
      assert.equal(data.layout, layout);
      assert.deepEqual(warnings, warning ? [`${root}: ${warning}`] : []);
      assert.ok(data.test.count > 0);
    }));
}

const REFUSED: [what: string, files: Record<string, Uint8Array>, message: string][] = [
  [
    "two folders to train on",
    splits("train", "Training", "val"),
    "ROOT: expected one folder to train on, got both Training and train; put the images of both into one, or take one out",
  ],
  [
    "two validation splits",
    splits("train", "val", "valid"),
    "ROOT: expected one folder of the val split, got both val and valid; put the images of both into one, or take one out",
  ],
  [
    "only a test split",
    splits("test"),
    'ROOT: expected a folder "train" beside test, which holds folders (cat and dog), got none; rename the folder to train on to "train", or give data.root=ROOT/test to train on this one',
  ],
  [
    "classes beside a test split",
    { ...splits("Test"), ...files("cat", "dog") },
    'ROOT: expected a folder "train" beside Test, which holds folders (cat and dog), got only cat and dog; put the folders to train on into a folder "train"',
  ],
  [
    "images right in train",
    { ...splits("test"), ...files("train") },
    "ROOT/train: expected a folder of images for each class, as in ROOT/test, got images without class folders; sort them into one for each class",
  ],
  [
    "images right in both splits",
    files("Training", "Testing"),
    "ROOT: expected a folder for each class in Testing and Training, got images without class folders; sort them into one for each class",
  ],
  [
    "images right in splits with letters behind their names",
    files("trainA", "trainB", "testA", "testB"),
    "ROOT: expected a folder for each class in testA, testB, trainA and trainB, got images without " +
    "class folders; sort them into one for each class",
  ],
  [
    "two sets of splits",
    files("trainA/cat", "testA/cat", "trainB/dog", "testB/dog"),
    "ROOT: expected classes or splits, got testA, testB, trainA and trainB with folders in them; " +
    'rename the folder to train on to "train" and the one to measure accuracy on to "val"',
  ],
  [
    "splits without class folders among classes",
    files("cat", "dog", "train_set", "test_set"),
    "ROOT: expected a folder for each class in test_set and train_set, got images without class " +
    "folders; sort them into one for each class",
  ],
  [
    "images right in val",
    { ...splits("train"), ...files("val") },
    "ROOT/val: expected images to measure accuracy on, in a folder for each class, got images without class folders; sort them into one for each class, or give data.root=ROOT/train to hold out a share of the training images",
  ],
  [
    "folds",
    splits("fold1", "fold2", "fold3"),
    'ROOT: expected classes or splits, got fold1, fold2 and fold3 with folders of the same names in them (cat and dog); rename the folder to train on to "train" and the one to measure accuracy on to "val"',
  ],
  [
    "a class that could be a split",
    files("bus", "car", "train/steam", "train/diesel"),
    'ROOT: expected classes or splits, got train, which holds folders (diesel and steam), beside bus and car with images; give data.root=ROOT/train to train on the folders in it alone, rename the folder to measure accuracy on to "val", or, if train is a class, put its images directly into it',
  ],
  [
    "splits in classes",
    files("cat/train", "cat/test", "dog/train", "dog/test"),
    "ROOT: expected folders of splits with a folder for each class in them, got it the other way round, such as cat/test; move the images to folders such as train/cat and val/cat",
  ],
  [
    "splits beside a folder with pictures",
    { ...splits("data/train", "data/val"), ...files("plots/loss.png") },
    "ROOT: expected classes, got data, which holds splits (train and val); give data.root=ROOT/data " +
    "to use them",
  ],
  [
    "photos in one folder and what belongs to them in another",
    { ...files("Images/cat", "Images/dog"), "Annotation/cat/1": TEXT },
    "ROOT: expected a folder of images for each of two or more classes (or train and val with one " +
    "for each), got only Images, which holds folders (cat and dog); give data.root=ROOT/Images if " +
    "these are the classes, or make a folder for each class",
  ],
  [
    "classes one level deeper",
    files("photos/cat", "photos/dog"),
    "ROOT: expected a folder of images for each of two or more classes (or train and val with one for each), got only photos, which holds folders (cat and dog); give data.root=ROOT/photos if these are the classes, or make a folder for each class",
  ],
  [
    "a class that differs by case",
    { ...splits("train"), ...files("val/Cat") },
    'ROOT/val/Cat: expected only classes that ROOT/train has, got Cat; rename the folder to "cat", as it is called there',
  ],
  [
    "a class that looks the same",
    { ...splits("train"), ...files("val/c\u0430t") },
    "ROOT/val/c\u0430t: expected only classes that ROOT/train has, got c\\u0430t; add training images of it, or remove the folder",
  ],
];

for (const [what, files, message] of REFUSED) {
  Deno.test(`a folder is refused with ${what}, and the remedy works`, () =>
    withFolder(files, async (root) => {
      await assert.rejects(open(root), {
        name: "DataError",
        message: message.replaceAll("ROOT", root),
      });
      const [, remedy] = /data\.root=ROOT\/([\w/]+)/.exec(message) ?? [];
      if (remedy) assert.equal((await open(join(root, remedy))).classes, 2);
    }));
}

Deno.test("the remedies that rename and move make a folder that is understood", async () => {
  await withFolder(splits("fold1", "fold2"), async (root) => {
    await assert.rejects(open(root), /rename the folder to train on to "train"/);
    await Deno.rename(join(root, "fold1"), join(root, "train"));
    await Deno.rename(join(root, "fold2"), join(root, "val"));
    assert.deepEqual(paths(root, (await open(root)).test), [
      "val/cat/1.png",
      "val/dog/1.png",
      "val/cat/2.png",
      "val/dog/2.png",
    ]);
  });
  await withFolder(files("bus", "train/steam", "train/diesel"), async (root) => {
    await assert.rejects(open(root), /put its images directly into it/);
    for (const name of ["steam", "diesel"]) {
      await Deno.rename(join(root, "train", name, "1.png"), join(root, "train", `${name}.png`));
    }
    await Deno.remove(join(root, "train/steam"), { recursive: true });
    assert.deepEqual((await open(root)).classNames, ["bus", "train"]);
  });
});

Deno.test("folders of the same names in all classes are said to be read as parts of the classes", () =>
  withFolder(splits("treino", "teste"), async (root) => {
    const warnings: string[] = [];
    assert.deepEqual((await open(root, warnings)).classNames, ["teste", "treino"]);
    assert.deepEqual(warnings, [
      `${root}: teste and treino are read as classes, and all of them hold folders of the same names ` +
      `(cat and dog); if those are the classes, rename the folder to train on to "train" and the one to ` +
      `measure accuracy on to "val"`,
    ]);
  }));

const COMPOSED = "caf\u00e9", DECOMPOSED = "cafe\u0301";

Deno.test("classes are the same in both of Unicode's forms of a name", () =>
  withFolder(
    files(`train/${COMPOSED}`, "train/tea", `val/${DECOMPOSED}`, "val/tea"),
    async (root) => {
      const data = await open(root);
      assert.deepEqual(data.classNames, [COMPOSED, "tea"]);
      assert.deepEqual(Array.from(data.test.labels), [0, 1, 0, 1]);
    },
  ));

Deno.test({
  name: "two folders whose names look the same are refused, with what differs",
  ignore: Deno.build.os !== "linux", // Other systems cannot hold both.
  fn: () =>
    withFolder(files(COMPOSED, DECOMPOSED, "tea"), async (root) => {
      await assert.rejects(open(root), {
        message: `${root}: expected folders with different names, got two that look the same: ` +
          `cafe\\u0301 and ${COMPOSED} (the letters are stored in other forms); put the images of both ` +
          `into one`,
      });
    }),
});

Deno.test("train, check and data say how a folder was read, and what is left out", () =>
  withFolder({ ...splits("Training", "Testing"), "Training/cat/notes.txt": TEXT }, async (root) => {
    const recipe = join(root, "r.yaml");
    await Deno.writeTextFile(
      recipe,
      "data: { format: folder, root: ., size: 8 }\nmodel: { name: cnn, width: 4 }\n" +
        "train: { epochs: 1, batch: 2, max_steps: 1 }\n",
    );
    const layout = "Training/ to train and Testing/ to test, 2 class folders";
    const left = `${root}: left out 1 file that is no image (text; Training/cat/notes.txt)`;
    for (const command of ["train", "check", "data"]) {
      const device = command === "train" ? ["--device", "cpu"] : [];
      const { code, stdout, stderr } = await qtrain([command, recipe, ...device], { cwd: root });
      assert.equal(code, 0, stderr);
      assert.match(stdout + stderr, new RegExp(`^layout +${layout}$`, "m"), command);
      assert.ok((stdout + stderr).includes(left), command);
      const json = await qtrain(
        [command, recipe, ...device, "--json"],
        { cwd: root },
      );
      assert.equal(
        JSON.parse(command === "train" ? json.stdout.split("\n")[0]! : json.stdout).layout,
        layout,
      );
    }
  }));

Deno.test("what training writes is no class, wherever it lies; a class called runs is one", async () => {
  const run = {
    "recipe.yaml": TEXT,
    "metrics.jsonl": IMAGE,
    "checkpoints/step-00000001.safetensors": IMAGE,
  };
  const at = (folder: string) =>
    Object.fromEntries(Object.entries(run).map(([name, bytes]) => [`${folder}/${name}`, bytes]));
  const preview = await encodePng(new Uint8Array(12), 2, 2, 3);
  const plain = {
    ...files("cat", "dog"),
    "recipe.yaml": TEXT,
    "preview.png": preview,
    "cat/preview.png": preview,
  };
  for (
    const own of [at("runs/one"), at("results/today/two"), at("first"), {
      ...at("cat/run"),
      ...at("runs/x"),
    }]
  ) {
    await withFolder({ ...plain, ...own }, async (root) => {
      const warnings: string[] = [];
      assert.deepEqual((await open(root, warnings)).classNames, ["cat", "dog"]);
      assert.deepEqual(warnings, []);
      const found = await listImages(root);
      assert.deepEqual(found.images.map((path) => relative(root, path).replaceAll("\\", "/")), [
        "cat/1.png",
        "cat/2.png",
        "dog/1.png",
        "dog/2.png",
      ]);
    });
  }
  await withFolder(plain, async (root) => {
    await Deno.mkdir(join(root, "runs"));
    assert.equal((await open(root)).classes, 2);
    await Deno.mkdir(join(root, "runs/recipe/checkpoints"), { recursive: true });
    assert.equal((await open(root)).classes, 2);
  });
  await withFolder({ ...plain, ...files("runs"), ...at("runs/one") }, async (root) => {
    assert.deepEqual((await open(root)).classNames, ["cat", "dog", "runs"]);
  });
  await withFolder({ ...plain, ...files("preview.png", "dog/preview.png") }, async (root) => {
    const warnings: string[] = [], { train, test } = await open(root, warnings);
    assert.equal(train.count + test.count, 5); // Of another program.
    assert.deepEqual(warnings, [
      `${root}: left out 1 image outside the class folders (preview.png)`,
    ]);
  });
  await withFolder({ ...splits("train"), ...at("runs/one") }, async (root) => {
    assert.equal(
      (await open(root)).layout,
      "train/ alone, 2 class folders, 50% of each held out to test",
    );
  });
});

Deno.test("images are found by what they are: with other endings, capitals and without any", () =>
  withFolder({
    "a/1.jfif": IMAGE,
    "a/2.PNG": IMAGE,
    "a/3": IMAGE,
    "a/4.dat": IMAGE,
    "a/5.heic": IMAGE,
    "b/1.pjpeg": IMAGE,
    "b/2.JPE": IMAGE,
    "a/Thumbs.db": IMAGE,
    "b/._1.png": IMAGE,
    "b/.DS_Store": IMAGE,
    "__MACOSX/a/1.png": IMAGE,
    "a/@eaDir/1.png": IMAGE,
    "desktop.ini": IMAGE,
  }, async (root) => {
    const warnings: string[] = [], { train, test } = await open(root, warnings);
    assert.deepEqual([...paths(root, train), ...paths(root, test)].sort(), [
      "a/1.jfif",
      "a/2.PNG",
      "a/3",
      "a/4.dat",
      "a/5.heic",
      "b/1.pjpeg",
      "b/2.JPE",
    ]);
    assert.deepEqual(warnings, []);
  }));

Deno.test({
  name: "a class that is a link has the link's name; two that lead to one folder are refused",
  ignore: Deno.build.os === "windows",
  async fn() {
    await withFolder(files("pool/one", "pool/two", "data/dog"), async (folder) => {
      const root = join(folder, "data");
      await Deno.symlink("../pool/one", join(root, "cat"));
      assert.deepEqual((await open(root)).classNames, ["cat", "dog"]);
      await Deno.symlink("../pool/one", join(root, "bird"));
      await assert.rejects(
        open(root),
        /got the same folder for bird and cat: links that lead to .*pool/,
      );
    });
    await withFolder(splits("train"), async (root) => {
      await Deno.symlink("train", join(root, "val"));
      const warnings: string[] = [];
      await open(root, warnings);
      assert.match(warnings[0]!, /accuracy is measured on training images, .*\(cat and dog\)/);
    });
  },
});

Deno.test({
  name: "a folder with nothing but a link to itself has too few classes",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(files("1.png"), async (root) => {
      await Deno.symlink(".", join(root, "self"));
      await assert.rejects(
        open(root),
        /expected a folder of images for each of two or more classes/,
      );
    }),
});

Deno.test({
  name: "of a folder and links to it, the first by name counts, once",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(files("cat/m", "dog"), async (root) => {
      await Deno.symlink("m", join(root, "cat/z"));
      await Deno.symlink("m", join(root, "cat/a"));
      const { images } = await listImages(join(root, "cat"));
      assert.deepEqual(images.map((path) => relative(root, path)), ["cat/a/1.png", "cat/a/2.png"]);
    }),
});

Deno.test("files that Git writes in place of links are told", () =>
  withFolder(
    { ...files("pool/one"), "data/cat": new TextEncoder().encode("../pool/one") },
    async (folder) => {
      await assert.rejects(
        open(join(folder, "data")),
        /got text files in place of links \(cat\), as Git/,
      );
    },
  ));

Deno.test("a long listing says how far it is, a short one says nothing", () =>
  withFolder(files("a", "b", "c"), async (root) => {
    const said: string[] = [], { now } = performance;
    const progress = (text: string) => said.push(text);
    await listImages(root, { progress });
    assert.deepEqual(said, []);
    let time = 0;
    performance.now = () => time += 100;
    try {
      await listImages(root, { progress });
    } finally {
      performance.now = now;
    }
    assert.match(said[0]!, /^listing images: \d files so far$/);
  }));
