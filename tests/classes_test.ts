/**
 * Classes are compared by name wherever two lists of them meet.
 *
 * @module
 */
import { readAll, withFolder } from "./data_helpers.ts";
import assert from "node:assert/strict";
import { matchClasses, withLabelsOf } from "../lib/data/classes.ts";
import type { Dataset } from "../lib/data/dataset.ts";
import { memorySplit } from "../lib/data/in_memory.ts";
import { qtrain } from "./support/command.ts";
import { png } from "./support/images.ts";

Deno.test("classes are matched by name, not by position", () => {
  assert.deepEqual(matchClasses(["b", "g", "r"], ["g", "r", "z"]), {
    labels: [1, 2, undefined],
    missing: ["b"],
    added: ["z"],
    same: false,
  });
  assert.equal(matchClasses(["a", "b"], ["a", "b"]).same, true);
  assert.equal(matchClasses(["a", "b"], ["a"]).same, false);
  assert.deepEqual(matchClasses(["a", "b"], ["b", "a"]).labels, [1, 0]);
  assert.deepEqual(matchClasses(["café".normalize("NFC")], ["café".normalize("NFD")]).labels, [0]);
});

Deno.test("an ImageNet class is the same with and without words, another folder's first word is not", () => {
  assert.deepEqual(matchClasses(["n02124075 Egyptian cat"], ["n02124075"]).labels, [0]);
  assert.deepEqual(matchClasses(["old photos"], ["old"]).labels, [undefined]);
});

const ONE = { shape: [1, 1, 1] };

/** Data with an image for each label, whose one pixel tells its index. */
function dataOf(labels: number[], names: string[] | undefined, classes = names?.length): Dataset {
  const split = memorySplit({
    images: Uint8Array.from(labels, (_, index) => index),
    labels: Uint8Array.from(labels),
  });
  return {
    name: "shapes",
    classes: classes!,
    ...(names ? { classNames: names } : {}),
    shape: [1, 1, 1],
    mean: [0],
    std: [1],
    train: split,
    test: split,
  };
}

Deno.test("images of unknown classes are left out, the others get the network's labels", async () => {
  const warnings: string[] = [];
  const known = { ...ONE, classes: 3, classNames: ["b", "g", "r"] };
  const { data, leftOut } = withLabelsOf(
    known,
    dataOf([2, 0, 1, 0], ["g", "r", "z"]),
    "the run in runs/x",
    (text) => warnings.push(text),
  );
  assert.equal(data.classes, 3);
  assert.deepEqual(data.classNames, known.classNames);
  assert.deepEqual([...leftOut], [["z", 1]]);
  const { images, labels } = await readAll(data.test, 1);
  assert.deepEqual([...images], [1, 2, 3]);
  assert.deepEqual([...labels], [1, 2, 1]);
  assert.deepEqual(warnings, [
    "shapes: lacks 1 of the 3 classes of the run in runs/x (b)",
    "shapes: the run in runs/x does not know 1 class (z); 1 test image left out",
  ]);
});

Deno.test("data without any class of the network, or with more classes and no names, is refused", () => {
  assert.throws(
    () =>
      withLabelsOf({ ...ONE, classes: 2, classNames: ["a", "b"] }, dataOf([0], ["x"]), "the run"),
    /expected data with classes of the run \(a and b\), got none of them \(x\)/,
  );
  assert.throws(
    () => withLabelsOf({ ...ONE, classes: 2 }, dataOf([0, 2], undefined, 3), "the run"),
    /expected data with the 2 classes of the run, got 3, and nothing tells which they are/,
  );
  // The highest label of a part of the data may be lower.
  assert.equal(
    withLabelsOf({ ...ONE, classes: 9 }, dataOf([1], undefined, 2), "a").data.classes,
    9,
  );
  assert.throws(
    () => withLabelsOf({ shape: [2, 2, 1], classes: 1 }, dataOf([0], undefined, 1), "the run"),
    /expected images of 2×2×1, as the run has, got 1×1×1/,
  );
  // Names on one side: a folder with fewer classes does not tell which.
  assert.throws(
    () => withLabelsOf({ ...ONE, classes: 3 }, dataOf([0], ["x", "y"]), "the run"),
    /got 2/,
  );
});

const COLOURS: Readonly<Record<string, [number, number, number]>> = {
  blue: [20, 30, 220],
  green: [30, 200, 40],
  red: [230, 20, 30],
  white: [250, 250, 250],
};

/** Images of one colour each: `names` in `folder`. */
function colours(folder: string, names: readonly string[], images: number) {
  const files: Record<string, Uint8Array> = {};
  for (const name of names) {
    for (let n = 0; n < images; n++) {
      const sample = (x: number, y: number, c: number) =>
        Math.max(0, COLOURS[name]![c]! - 7 * (n % 3) - x + y);
      files[`${folder}/${name}/${n}.png`] = png({ width: 8, height: 8, sample });
    }
  }
  return files;
}

Deno.test("eval scores a folder with fewer, more or shifted classes by their names", () =>
  withFolder({
    ...colours("data/train", ["blue", "green", "red"], 12),
    ...colours("data/val", ["blue", "green", "red"], 3),
    ...colours("shifted/train", ["green", "red", "white"], 1),
    ...colours("shifted/val", ["green", "red", "white"], 3),
    ...colours("fewer/train", ["green", "red"], 1),
    ...colours("fewer/val", ["green", "red"], 3),
    ...colours("others/train", ["white"], 1),
    ...colours("others/val", ["white"], 1),
    "others/train/black/0.png": png({ width: 8, height: 8, sample: () => 0 }),
    "r.yaml": new TextEncoder().encode(
      "data: { format: folder, root: data, size: 8, classes: 3 }\nmodel: { name: mlp, width: 8 }\n" +
        "train: { epochs: 12, batch: 6, optimizer: { name: adamw, lr: 0.02 } }\n",
    ),
  }, async (folder) => {
    const out = `${folder}/run`, cpu = ["--device", "cpu"];
    const trained = await qtrain([`${folder}/r.yaml`, "--out", out, "--quiet", ...cpu]);
    assert.equal(trained.code, 0, trained.stderr);
    const evaluate = async (name: string) =>
      await qtrain(["eval", out, `data.root=${folder}/${name}`, "--json", ...cpu]);
    const all = JSON.parse((await evaluate("data")).stdout);
    assert.deepEqual([all.accuracy, all.images, all.left_out], [1, 9, {}]);
    const shifted = await evaluate("shifted");
    const { accuracy, images, left_out } = JSON.parse(shifted.stdout);
    assert.deepEqual([accuracy, images, left_out], [1, 6, { white: 3 }]);
    assert.match(shifted.stderr, /lacks 1 of the 3 classes .*\(blue\)/);
    const fewer = JSON.parse((await evaluate("fewer")).stdout);
    assert.deepEqual([fewer.accuracy, fewer.images], [1, 6]);
    const others = await evaluate("others");
    assert.equal(others.code, 2);
    assert.match(
      others.stderr,
      /expected data with classes of the run in .* \(blue, green and red\)/,
    );
  }));

const SHORT = new TextEncoder().encode(
  "data: { format: folder, root: data, size: 8 }\nmodel: { name: mlp, width: 4 }\n" +
    "train: { epochs: 1, batch: 6 }\n",
);

/** Trains `r.yaml` of a folder into `out`. */
async function trainShort(folder: string, out: string): Promise<void> {
  const args = [`${folder}/r.yaml`, "--out", out, "--quiet", "--device", "cpu"];
  const { code, stderr } = await qtrain(args);
  assert.equal(code, 0, stderr);
}

Deno.test("eval measures all images of other data without a test split, and holds out those of the run's own", () =>
  withFolder({
    ...colours("data", ["blue", "green", "red"], 20),
    ...Object.fromEntries(
      Object.entries(colours("other", ["blue", "green", "red"], 7)).map(([name], i) => [
        name,
        png({ width: 9, height: 8, sample: (x, y, c) => (40 * i + 60 * c + x + y) & 255 }),
      ]),
    ),
    "r.yaml": SHORT,
  }, async (folder) => {
    const out = `${folder}/run`, cpu = ["--device", "cpu"];
    await trainShort(folder, out);
    const evaluate = async (name: string) =>
      JSON.parse(
        (await qtrain(["eval", out, `data.root=${folder}/${name}`, "--json", ...cpu])).stdout,
      );
    const other = await evaluate("other");
    assert.equal(other.images, 21);
    assert.match(other.layout, /all images to test, as the run began with others$/);
    // With a new name, and an image more, most of its images were trained on.
    await Deno.rename(`${folder}/data`, `${folder}/moved`);
    await Deno.writeFile(
      `${folder}/moved/red/new.png`,
      png({ width: 8, height: 8, sample: () => 9 }),
    );
    assert.equal((await evaluate("moved")).images, 6);
  }));

Deno.test("eval says that data is there where its files are others", () =>
  withFolder({
    ...colours("data", ["blue", "red"], 12),
    "r.yaml": SHORT,
  }, async (folder) => {
    const out = `${folder}/run`, cpu = ["--device", "cpu"];
    await trainShort(folder, out);
    for (const name of ["blue", "red"]) {
      await Deno.rename(`${folder}/data/${name}`, `${folder}/data/${name} ones`);
    }
    const { code, stderr } = await qtrain(["eval", out, ...cpu]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /got others in .*data; restore them, or give data\.root=.*data on the command/,
    );
  }));

Deno.test("a run in the folder of its own data does not become a class", () =>
  withFolder({
    ...colours("data", ["blue", "red"], 12),
    "r.yaml": SHORT,
  }, async (folder) => {
    const out = `${folder}/data`, cpu = ["--device", "cpu"];
    await trainShort(folder, out);
    assert.equal((await qtrain(["eval", out, ...cpu])).code, 0);
    // Nor is a checkpoint an export, or a photo a preview.
    const [step] = await Array.fromAsync(Deno.readDir(`${out}/checkpoints`));
    const exported = await qtrain(["export", out, "--out", `${out}/checkpoints/${step!.name}`]);
    assert.match(exported.stderr, /expected a new name or an earlier export to replace/);
    for (let i = 0; i < 2; i++) {
      assert.equal((await qtrain(["export", out, "--out", `${folder}/w.safetensors`])).code, 0);
    }
    const drawn = await qtrain(["data", `${folder}/r.yaml`, "--out", `${out}/red/0.png`]);
    assert.match(drawn.stderr, /expected a new name or an earlier preview to replace/);
  }));
