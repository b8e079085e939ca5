import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import { encodePng } from "../lib/image/png_encode.ts";
import { golden, inFolder, qtrain } from "./support/command.ts";
import { smallCifar10 } from "./support/cifar.ts";

/** Size, type of colour and rows of a PNG file as `encodePng` writes it. */
function decoded(file: Uint8Array): { size: number[]; type: number; rows: Uint8Array } {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const text = (from: number, to: number) => new TextDecoder().decode(file.subarray(from, to));
  assert.equal(text(37, 56), "tEXtSoftware\0qtrain");
  const length = view.getUint32(60);
  assert.equal(text(64, 68), "IDAT");
  return {
    size: [view.getUint32(20), view.getUint32(16)],
    type: view.getUint8(25),
    rows: inflateSync(file.subarray(68, 68 + length)),
  };
}

Deno.test("encodePng() writes rows of one to four channels, each with its filter", async () => {
  for (const [channels, type] of [[1, 0], [2, 4], [3, 2], [4, 6]] as const) {
    const pixels = Uint8Array.from({ length: 6 * channels }, (_, i) => 7 * i + 1);
    const { size, type: found, rows } = decoded(await encodePng(pixels, 2, 3, channels));
    assert.deepEqual([size, found], [[2, 3], type]);
    const line = 3 * channels;
    assert.deepEqual([...rows], [0, ...pixels.subarray(0, line), 0, ...pixels.subarray(line)]);
  }
});

Deno.test("a PNG file is the one that the system's decoder reads", async () => {
  const file = await encodePng(new Uint8Array(5 * 9 * 3).fill(77), 5, 9, 3);
  const { width, height } = await createImageBitmap(new Blob([file]));
  assert.deepEqual([width, height], [9, 5]);
});

const CIFAR = `data: { format: cifar, root: ., augment: [flip, { crop: { padding: 4 } }, mixup] }
model: { name: resnet8 }
`;

Deno.test("data counts, measures, says what is odd and draws a grid", async () => {
  await inFolder({ "r.yaml": CIFAR, ...smallCifar10() }, async (cwd) => {
    const { code, stdout, stderr } = await qtrain(["data", "r.yaml", "data.train=9"], { cwd });
    assert.deepEqual([code, stderr], [0, ""]);
    // Lines are as long as the widest row, which has the path of a temporary folder.
    await golden("data.txt", stdout.replaceAll(cwd, "FOLDER").replace(/─{10,}/g, "─"));
    const { size, type } = decoded(await Deno.readFile(`${cwd}/preview.png`));
    assert.deepEqual([size, type], [[2 * 66 + 2, 8 * 66 + 2], 2]);
  });
});

Deno.test("data --json has the figures, and --out another place for the grid", async () => {
  const recipe =
    "data: { format: glyphs, size: [12, 20], train: 90, test: 20, mean: 0.9, std: 0.05 }\n" +
    "model: { name: cnn }\n";
  await inFolder({ "r.yaml": recipe }, async (cwd) => {
    const out = ["--out", "grid.png", "--json"];
    const { code, stdout, stderr } = await qtrain(["data", "r.yaml", ...out], { cwd });
    assert.deepEqual([code, stderr], [0, ""]);
    const found = JSON.parse(stdout);
    assert.deepEqual([found.train_images, found.test_images, found.shape], [90, 20, [12, 20, 1]]);
    assert.deepEqual([found.train_counts.length, found.imbalance], [10, 1]);
    assert.equal(found.train_counts.reduce((a: number, b: number) => a + b), 90);
    assert.deepEqual([found.mean, found.std], [[0.9], [0.05]]);
    const [mean] = found.measured.mean, [std] = found.measured.std;
    assert.deepEqual(found.notes, [
      `mean and std are far from those of the images; write data.mean: [${mean.toFixed(3)}] and ` +
      `data.std: [${std.toFixed(3)}]`,
      "26 of 90 training images do not fill a batch of 64: each epoch leaves out as many, chosen at " +
      "random (train.batch=45 uses all)",
    ]);
    // 5 times as large: 64 pixels or nearly so.
    const { size, type } = decoded(await Deno.readFile(`${cwd}/grid.png`));
    assert.deepEqual([size, type], [[8 * 62 + 2, 8 * 102 + 2], 0]);
  });
});

Deno.test("data shows other images with another seed, and the same with the same", async () => {
  const glyphs = "data: { format: glyphs, train: 100, test: 20, augment: [color_jitter] }\n" +
    "model: { name: cnn }\n";
  await inFolder({ "r.yaml": glyphs }, async (cwd) => {
    const grids = [];
    for (const seed of ["seed=1", "seed=2", "seed=1"]) {
      assert.equal((await qtrain(["data", "r.yaml", seed], { cwd })).code, 0);
      grids.push(await Deno.readFile(`${cwd}/preview.png`));
    }
    assert.deepEqual(grids[0], grids[2]);
    assert.notDeepEqual(grids[0], grids[1]);
  });
});

Deno.test("the grid replaces a picture, and nothing else", async () => {
  const recipe = "data: { format: glyphs, train: 20, test: 20 }\nmodel: { name: cnn }\n";
  await inFolder({ "r.yaml": recipe }, async (cwd) => {
    const { code, stderr } = await qtrain(["data", "r.yaml", "--out", "r.yaml"], { cwd });
    assert.deepEqual([code, stderr], [
      2,
      "--out: expected a new name or an earlier preview to replace, got another file at r.yaml; " +
      "choose another --out\n",
    ]);
    assert.equal(await Deno.readTextFile(`${cwd}/r.yaml`), recipe);
    const missing = await qtrain(["data", "r.yaml", "--out", "none/p.png"], { cwd });
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /^none\/p\.png: cannot write: the folder does not exist/);
  });
});
