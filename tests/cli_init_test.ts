/**
 * `qtrain init`: what it finds, what it chooses, and that its recipes train as they are.
 *
 * @module
 */
import { idxBytes, ramp, withFolder } from "./data_helpers.ts";
import assert from "node:assert/strict";
import { choose } from "../cli/init/choose.ts";
import { recipeText } from "../cli/init/recipe_text.ts";
import { schemaAddress } from "../cli/recipe_schema.ts";
import type { Survey } from "../cli/init/survey.ts";
import { leftOutOfEpochs } from "../lib/data/sampler.ts";
import { findDatasets } from "../lib/data/inspect/find_datasets.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import { qtrain, ROOT } from "./support/command.ts";
import { IMAGENET, plainPng, TINY } from "./support/image_folders.ts";
import { photo, pngOf, SHAPES } from "./support/photos.ts";
import { npy, zip } from "./support/zip.ts";

const byte = new Uint8Array(1);

/** Files of a folder of photos of two classes. */
function photos(root: string, names: readonly [string, string], count = 12, side = 24) {
  const files: Record<string, Uint8Array> = {};
  for (const [label, name] of names.entries()) {
    for (let i = 0; i < count; i++) {
      files[`${root}/${name}/${i}.png`] = pngOf(photo(SHAPES[label]!, i, side), [side, side, 3]);
    }
  }
  return files;
}

/** IDX files of grey images. */
function idx(root: string, count = 40, side = 12) {
  const images = (n: number) =>
    idxBytes(
      0x803,
      [n, side, side],
      Array.from({ length: n * side * side }, (_, i) => i * 7 % 256),
    );
  const labels = (n: number) => idxBytes(0x801, [n], Array.from({ length: n }, (_, i) => i % 4));
  return {
    [`${root}/train-images-idx3-ubyte`]: images(count),
    [`${root}/train-labels-idx1-ubyte`]: labels(count),
    [`${root}/t10k-images-idx3-ubyte`]: images(8),
    [`${root}/t10k-labels-idx1-ubyte`]: labels(8),
  };
}

/** Runs `init`, and the training command that it prints with two steps. */
async function initAndTrain(cwd: string, ...args: string[]) {
  const init = await qtrain(["init", ...args], { cwd });
  assert.equal(init.code, 0, init.stderr);
  const [, recipe] = /^wrote (\S+): .* to train in int8/m.exec(init.stdout)!;
  const steps = ["train.max_steps=2", "--device", "cpu", "--quiet"];
  const trained = await qtrain([recipe!, ...steps], { cwd });
  assert.equal(trained.code, 0, trained.stderr);
  assert.match(trained.stdout, /test accuracy/);
  return { init, recipe: await Deno.readTextFile(`${cwd}/${recipe}`) };
}

Deno.test("init finds photos a level below, and its recipe trains without an edit", async () => {
  const names = ["L'été ☀", "#2: <b>"] as const;
  await withFolder(photos("my photos", names), async (cwd) => {
    const { init, recipe } = await initAndTrain(cwd);
    assert.match(init.stdout, /^my photos: 2 classes, 22 images to train and 2 to test; 2 class/);
    assert.match(init.stdout, /^wrote qtrain\.schema\.json: with it, editors check /m);
    assert.match(init.stdout, /main\.ts my-photos\.yaml$/m);
    const { data, model, train } = parseRecipe(recipe, `${cwd}/my-photos.yaml`);
    assert.deepEqual([data.root, data.classes, data.size], ["my photos", 2, [24, 24]]);
    assert.deepEqual([model, train.batch], [{ name: "resnet8", width: 16 }, 2]);
    assert.match(recipe, /^# yaml-language-server: \$schema=qtrain\.schema\.json\n/);
    const schema = JSON.parse(await Deno.readTextFile(`${cwd}/qtrain.schema.json`));
    assert.equal(schema.title, "qtrain recipe");
  });
});

Deno.test("init writes the recipe beside data that is not below the current folder", async () => {
  await withFolder({ ...idx("sets/digits"), "here/x.txt": byte }, async (folder) => {
    const { recipe } = await initAndTrain(`${folder}/here`, "../sets/digits");
    const { data } = parseRecipe(recipe, "../sets/digits.yaml");
    assert.deepEqual([data.format, data.root, data.size, data.augment], [
      "idx",
      "digits",
      [12, 12],
      [{ crop: { padding: 1 } }],
    ]);
    const cwd = `${folder}/here`, elsewhere = ["init", "../sets/digits", "--out", "mine.yaml"];
    const { code, stdout, stderr } = await qtrain(elsewhere, { cwd });
    assert.equal(code, 0);
    assert.match(stderr, /^note: a recipe reads what is in its own folder alone/);
    assert.match(stdout, /^to train: .* mine\.yaml data\.root=\/\S+\/sets\/digits$/m);
    assert.equal((await qtrain(["check", "mine.yaml"], { cwd })).code, 2);
    const [, root] = /(data\.root=\S+)/.exec(stdout)!;
    assert.equal((await qtrain(["check", "mine.yaml", root!], { cwd })).code, 0);
  });
});

Deno.test("init writes paths and names so that YAML reads them as they are", async () => {
  for (const name of [`"it's" $x #1: {a}`, "null", "[old]\ne\u0301 ☀"]) {
    await withFolder(photos(name, ["null", "x\n# y"], 4, 8), async (cwd) => {
      const { code, stderr } = await qtrain(["init", "--out", "r.yaml", `./${name}`], { cwd });
      assert.deepEqual([code, stderr], [0, ""], name);
      const { data } = parseRecipe(await Deno.readTextFile(`${cwd}/r.yaml`), `${cwd}/r.yaml`);
      assert.equal(data.root, name);
    });
  }
});

Deno.test({
  name: "init of classes that are links out of the recipe's folder gives the path in its commands",
  ignore: Deno.build.os === "windows",
  async fn() {
    await withFolder(photos("pool", ["a", "b"], 4, 8), async (folder) => {
      const cwd = `${folder}/here`;
      await Deno.mkdir(`${cwd}/set`, { recursive: true });
      for (const name of ["a", "b"]) {
        await Deno.symlink(`${folder}/pool/${name}`, `${cwd}/set/${name}`);
      }
      const { code, stdout } = await qtrain(["init"], { cwd });
      assert.equal(code, 0);
      const [, recipe, root] = /^to train: .* (set\.yaml) (data\.root=\S+)$/m.exec(stdout)!;
      assert.equal((await qtrain(["check", recipe!, root!], { cwd })).code, 0);
    });
  },
});

Deno.test("init takes data of QTRAIN_DATA by its name", async () => {
  await withFolder({ ...idx("shared/digits"), "here/x.txt": byte }, async (folder) => {
    const options = { cwd: `${folder}/here`, env: { QTRAIN_DATA: `${folder}/shared` } };
    const { code, stderr } = await qtrain(["init", "digits"], options);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(await Deno.readTextFile(`${folder}/here/digits.yaml`), /^ {2}root: digits$/m);
    assert.equal((await qtrain(["check", "digits.yaml"], options)).code, 0);
  });
});

Deno.test("init overwrites nothing, and says what to do", async () => {
  const files = { ...photos("p", ["a", "b"]), "p.yaml": new TextEncoder().encode("mine: 1\n") };
  await withFolder(files, async (cwd) => {
    const first = await qtrain(["init"], { cwd });
    assert.equal(first.code, 2);
    assert.match(
      first.stderr,
      /^p\.yaml: expected no file, found one already; train it: .* p\.yaml/,
    );
    assert.equal(await Deno.readTextFile(`${cwd}/p.yaml`), "mine: 1\n");
    assert.equal((await qtrain(["init", "--out", "q.yaml"], { cwd })).code, 0);
    await Deno.remove(`${cwd}/p.yaml`);
    const second = await qtrain(["init", "p"], { cwd });
    assert.equal(second.code, 2);
    assert.match(second.stderr, /^q\.yaml: expected no recipe for this data, .*--out p-2\.yaml\n$/);
  });
});

Deno.test("init says what is wrong with a folder", async () => {
  const damaged = new TextEncoder().encode("PK\x03\x04 damaged");
  const files = {
    "empty/notes.txt": byte,
    "recipes/r.yaml": new TextEncoder().encode("data: { format: glyphs }\nmodel: { name: cnn }\n"),
    "packed/photos.zip": damaged,
    ...photos("mixed", ["cats", "dogs"], 2, 8),
    ...photos("mixed/my sets/train", ["a", "b"], 2, 8),
    ...photos("mixed/my sets/val", ["a", "b"], 2, 8),
    "code/lib/train/a.ts": byte,
    "code/lib/data/b.ts": byte,
    "code/cli/c.ts": byte,
    "code/tests/c.ts": byte,
    "code/docs/images/1.png": plainPng(1, 8, 8),
    "arrays/one's.npz": zip({
      "images.npy": npy({ dims: [4, 2, 3], body: ramp(24) }),
      "labels.npy": npy({ dims: [4], body: [0, 1, 0, 1] }),
    }),
    "one class/cats/1.png": plainPng(1, 8, 8),
    "one class/cats/2.png": plainPng(2, 8, 8),
    "flat/1.png": plainPng(1, 8, 8),
    "several/x/a/1.png": plainPng(1, 8, 8),
    "several/x/b/1.png": plainPng(1, 8, 8),
    ...idx("several/it's"),
    "damaged/a.npz": damaged,
    "a file.txt": byte,
  };
  await withFolder(files, async (cwd) => {
    const says = async (folder: string, pattern: RegExp) => {
      const { code, stdout, stderr } = await qtrain(["init", folder], { cwd });
      assert.deepEqual([code, stdout], [2, ""], folder);
      assert.match(stderr, pattern);
    };
    await Promise.all([
      says("empty", /^empty: expected data, found none there or up to two levels below: no images/),
      says("code", /^code: expected data, found none there or up to two levels below: no images/),
      says(
        "mixed",
        /^\S+mixed: expected classes, got my sets, .*; deno .* init '\S+\/my sets' to use/,
      ),
      says("arrays", /python3 -c .*; then deno run \S+ \S+ init "\S+\/one's-converted\.npz"\n$/),
      says("recipes", /There is a recipe: deno run -RWE \S+ recipes\/r\.yaml\n$/),
      says("packed", /photos\.zip; unpack it: mkdir -p \S+ && unzip .* && deno run .* init \S+\n$/),
      says("one class", /one class: expected a folder of images for each of two or more classes/),
      says("flat", /flat.*class/s),
      says(
        "several",
        /found 2; choose one:\n.*init "several\/it's" {2}# idx\n.*several\/x {2}# folder/,
      ),
      says("damaged", /damaged\/a\.npz: /),
      says("a file.txt", /got another file; give the folder that it is in: deno run /),
      says(
        "nowhere",
        /^nowhere: expected a folder with data, found nothing at .*; correct the path/,
      ),
    ]);
    assert.deepEqual([...Deno.readDirSync(cwd)].filter(({ name }) => name.endsWith(".yaml")), []);
  });
});

Deno.test("data sets are found by the names of files and by where images lie", async () => {
  const under = (root: string, files: Readonly<Record<string, Uint8Array>>) =>
    Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${root}/${name}`, bytes]));
  const files = {
    ...under("imagenet", IMAGENET),
    ...under("tiny", TINY),
    ...under("deep/er/tiny", TINY),
    ...photos("seg/seg_train", ["a", "b"], 2, 8),
    ...photos("seg/seg_test", ["a", "b"], 2, 8),
    ...photos("project/node_modules", ["a", "b"], 2, 8),
    ...photos("project/data/pets", ["a", "b"], 2, 8),
    ...idx("mnist/MNIST/raw"),
    "cifar/data_batch_1.bin": byte,
    "cifar/test_batch.bin": byte,
    "npy/x.npy": byte,
    "npy/y.npy": byte,
    "npz/one.npz": byte,
    "npz/two.NPZ": byte,
  };
  await withFolder(files, async (root) => {
    const found = async (name: string) =>
      (await findDatasets(`${root}/${name}`)).map(({ format, path }) =>
        `${format} ${path.slice(root.length + 1)}`
      );
    assert.deepEqual(await found("imagenet"), ["folder imagenet"]);
    assert.deepEqual(await found("tiny"), ["folder tiny"]);
    assert.deepEqual(await found("deep"), ["folder deep/er/tiny"]);
    assert.deepEqual(await found("seg"), ["folder seg"]);
    assert.deepEqual(await found("project"), ["folder project/data/pets"]);
    assert.deepEqual(await found("mnist"), ["idx mnist/MNIST/raw"]);
    assert.deepEqual(await found("cifar"), ["cifar cifar"]);
    assert.deepEqual(await found("npy"), ["npz npy"]);
    assert.deepEqual(await found("npz"), ["npz npz/one.npz", "npz npz/two.NPZ"]);
  });
});

/** A survey of photos of three classes. */
function photosSurvey(train: number, median: number, more: Partial<Survey> = {}): Survey {
  return {
    found: { format: "folder", path: "/p" },
    name: "p",
    train,
    test: 10,
    counts: [train - 2 * Math.floor(train / 3), Math.floor(train / 3), Math.floor(train / 3)],
    classNames: ["ant", "bee", "cow"],
    shape: [64, 64, 3],
    mean: [0.4, 0.5, 0.6],
    std: [0.2, 0.2, 0],
    measured: Math.min(train, 400),
    files: { median, same: undefined, grey: false, bad: 0, tried: 10 },
    layout: undefined,
    heldOut: true,
    notes: [],
    ...more,
  };
}

Deno.test("size, network and length follow from number and size of the images", () => {
  const of = (train: number, median: number) => {
    const { size, network, batch, epochs, fewPhotos } = choose(photosSurvey(train, median));
    const { name, width } = network.value;
    return [size.value[0], name, width ?? "", batch.value, epochs.value, fewPhotos].join(" ");
  };
  assert.equal(of(6, 480), "64 resnet8  2 60 true");
  assert.equal(of(400, 480), "64 resnet8  57 60 true");
  assert.equal(of(3000, 480), "96 resnet18 16 32 60 true");
  assert.equal(of(10_000, 480), "128 resnet18 16 32 60 false");
  assert.equal(of(50_000, 480), "224 resnet18 32 16 12 false");
  assert.equal(of(1_300_000, 480), "224 resnet18  16 5 false");
  assert.equal(of(50_000, 20), "20 resnet20  64 12 false");
});

Deno.test("the batch is one that leaves out hardly an image, and the comment says why", () => {
  for (const train of [216, 22, 6, 2, 3, 400, 997, 1001, 5003, 60_000]) {
    const { batch } = choose(photosSurvey(train, 300));
    assert.ok((leftOutOfEpochs(train, batch.value)?.share ?? 0) < 0.01, `${train}: ${batch.value}`);
    assert.ok(batch.value <= train);
  }
  const of = (train: number) => choose(photosSurvey(train, 300)).batch;
  assert.deepEqual(of(216), {
    value: 36,
    why: "an epoch has 216 images only; they fill batches of this size without a rest",
  });
  assert.deepEqual([1, 3, 5, 23].map((train) => of(train).value), [1, 3, 2, 2]);
  assert.deepEqual(of(60_000), { value: 16, why: "images of an update; fewer take less memory" });
});

Deno.test("images of digits, letters and of left and right are not mirrored", () => {
  const flips = (classNames: readonly string[] | undefined) =>
    JSON.stringify(choose(photosSurvey(500, 300, { classNames })).augment.value).includes("flip");
  assert.deepEqual(
    [["cat", "dog"], ["0", "1", "12"], ["a", "B", "ç"], ["digit 1", "digit 2"], ["turn_left", "up"]]
      .map(flips),
    [true, false, false, false, false],
  );
  // Numbered folders of photos are no digits; grey images may be.
  const numbered = ["class 1", "class 2", "class 3", "class 4"];
  assert.equal(flips(numbered), true);
  assert.equal(flips(undefined), true);
  const files = { median: 300, same: undefined, grey: true, bad: 0, tried: 10 };
  for (const classNames of [numbered, undefined]) {
    const { augment } = choose(photosSurvey(500, 300, { classNames, files }));
    assert.doesNotMatch(JSON.stringify(augment.value), /flip/);
    assert.match(augment.why, /no flip/);
  }
});

Deno.test("what a recipe of init has as comments is right when its marks are taken off", () => {
  const found = photosSurvey(500, 300, { counts: [400, 90, 10] });
  const places = { root: "p", schema: "s.json", name: "p" };
  const text = recipeText(found, choose(found), places, "memory");
  const whole = text.replace(/# (class_weights|patience):/g, "$1:")
    .replace(/^model: .*\n/m, "").replace(/^# (model|init|freeze):/gm, "$1:");
  const { data, init, freeze, model, train } = parseRecipe(whole, "p.yaml");
  assert.deepEqual([data.class_weights, init, freeze.length], [
    "balanced",
    "resnet18.safetensors",
    5,
  ]);
  assert.equal(train.patience, 10);
  assert.deepEqual(model, { name: "resnet18", width: 64, stem: "imagenet" });
  assert.ok(data.std.every((value) => value > 0), "of a channel with one value everywhere");
  for (const line of text.split("\n")) assert.ok([...line].length <= 110, line);
});

Deno.test("a recipe in the source's folder names its schema, one elsewhere a copy", () => {
  assert.equal(schemaAddress(`${ROOT}configs`), "../recipe.schema.json");
  assert.equal(schemaAddress(ROOT), "recipe.schema.json");
  assert.equal(schemaAddress("/elsewhere"), "qtrain.schema.json");
  assert.equal(schemaAddress(`${ROOT}..`), "qtrain.schema.json");
});
