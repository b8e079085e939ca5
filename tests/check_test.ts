/**
 * `qtrain check`: refuses what training refuses before its first step, in the same words, and counts
 * the images that no batch takes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeSafetensors } from "../lib/core/safetensors.ts";
import { smallIdx } from "./data_helpers.ts";
import { inFolder, qtrain } from "./support/command.ts";
import { writePhotos } from "./support/photos.ts";

const GLYPHS = "data: { format: glyphs, size: 12, train: 90, test: 10 }\n" +
  "model: { name: mlp, width: 4 }\ntrain: { epochs: 1, batch: 45 }\n";

const weights = encodeSafetensors({
  other: { dtype: "F32", shape: [1], data: new Float32Array(1) },
});

/** Overrides of a recipe that training refuses, and what it says of it. */
const REFUSED: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    "fewer images than a batch",
    ["train.batch=91"],
    /^train\.batch: expected at most the 90 training/,
  ],
  ["data that is not there", ["data.format=idx", "data.root=none"], /^data\.root: .* nothing at /],
  [
    "another kind of file",
    ["data.format=idx", "data.root=r.yaml"],
    /^data\.root: expected a folder, /,
  ],
  ["a damaged file", ["data.format=idx", "data.root=damaged", "data.train=0"], /images-idx3-ubyte/],
  [
    "another number of classes",
    ["data.format=folder", "data.root=photos", "data.classes=3"],
    /clas/,
  ],
  [
    "fewer images than data.train",
    ["data.format=folder", "data.root=photos", "data.train=90", "data.test=0"],
    /^data\.train: expected at most 6, the images in /,
  ],
  ["a pattern that matches no layer", ["freeze=[conv9]"], /^freeze\.0: expected a pattern that/],
  ["weights that are not there", ["init=none.safetensors"], /^init: .*nothing at /],
  ["weights of another network", ["init=other.safetensors"], /^init: .*other\.safetensors: /],
  ["too little memory", ["memory=1KiB"], /^memory: /],
];

Deno.test("check refuses what training refuses before its first step, in the same words", async (t) => {
  await inFolder({ "r.yaml": GLYPHS, "other.safetensors": weights }, async (cwd) => {
    await writePhotos(`${cwd}/photos`, ["bar", "disc"], { train: 3, val: 1 });
    await Deno.mkdir(`${cwd}/damaged`);
    for (const [name, bytes] of Object.entries(smallIdx())) {
      await Deno.writeFile(
        `${cwd}/damaged/${name}`,
        name.startsWith("train-im") ? bytes.slice(0, 20) : bytes,
      );
    }
    for (const [name, overrides, message] of REFUSED) {
      await t.step(name, async () => {
        const [trained, checked] = await Promise.all([
          qtrain(["r.yaml", ...overrides, "--device", "cpu", "--out", "run"], { cwd }),
          qtrain(["check", "r.yaml", ...overrides], { cwd }),
        ]);
        assert.match(checked.stderr, message);
        assert.deepEqual(checked, trained);
        assert.equal(checked.code, 2);
      });
    }
    const { stderr } = await qtrain(["check", "r.yaml", "train.batch=91"], { cwd });
    const [, remedy] = /set (\S+) or lower/.exec(stderr)!;
    assert.equal((await qtrain(["check", "r.yaml", remedy!], { cwd })).code, 0);
  });
});

Deno.test("images of no batch are counted in check, data and training, and the remedy uses all", async () => {
  const text =
    "26 of 90 training images do not fill a batch of 64: each epoch leaves out as many, " +
    "chosen at random (train.batch=45 uses all)";
  await inFolder({ "r.yaml": GLYPHS }, async (cwd) => {
    const run = (...args: string[]) => qtrain([...args, "train.batch=64"], { cwd });
    const [checked, json, data, trained, remedied] = await Promise.all([
      run("check", "r.yaml"),
      run("check", "r.yaml", "--json"),
      run("data", "r.yaml"),
      run("r.yaml", "--device", "cpu", "--quiet"),
      qtrain(["check", "r.yaml", "train.batch=45", "--json"], { cwd }),
    ]);
    assert.match(
      checked.stdout,
      /^data +90 \+ 10 images 12×12×1, 10 classes, made by the program$/m,
    );
    assert.ok(checked.stdout.includes(`left out     ${text}\n`), checked.stdout);
    const { train_images, test_images, left_out_of_epochs } = JSON.parse(json.stdout);
    assert.deepEqual([train_images, test_images, left_out_of_epochs], [90, 10, 26]);
    assert.ok(data.stdout.includes(`note: ${text}\n`), data.stdout);
    assert.equal(trained.stderr, `${text}\n`);
    assert.equal(JSON.parse(remedied.stdout).left_out_of_epochs, 0);
  });
});

Deno.test("check says that it did not look at data that is not there", async () => {
  const recipe = "data: { format: idx, root: none, classes: 10, size: 28 }\nmodel: { name: cnn }\n";
  await inFolder({ "r.yaml": recipe }, async (cwd) => {
    const { code, stdout } = await qtrain(["check", "r.yaml"], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /^data +not looked at, as nothing is at .*none: only planned$/m);
  });
});

Deno.test("batch norm trains on batches of one, also where a channel has one value", async () => {
  const layers = "[{ type: conv2d, channels: 4, kernel: 3 }, global_avg_pool, batch_norm, relu, " +
    "{ type: linear, features: 10 }]";
  const recipe =
    `data: { format: glyphs, size: 12, train: 8, test: 4 }\nmodel: { layers: ${layers} }\n` +
    "train: { epochs: 1, batch: 1 }\n";
  await inFolder({ "r.yaml": recipe }, async (cwd) => {
    const { code } = await qtrain(["r.yaml", "--device", "cpu", "--out", "run"], { cwd });
    assert.equal(code, 0);
    const lines = (await Deno.readTextFile(`${cwd}/run/metrics.jsonl`)).trim().split("\n");
    for (const { train_loss, test_loss, loss } of lines.map((line) => JSON.parse(line))) {
      for (const value of [train_loss, test_loss, loss]) {
        assert.ok(value !== null && value !== Infinity);
      }
    }
  });
});
