/**
 * What an evaluation leaves: `evaluation.json` of a run, the figures of `evaluate`, on both devices.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { decodeImage } from "../lib/image/decode.ts";
import { decodeEvaluation, type EvaluationRecord } from "../lib/metrics/evaluation_record.ts";
import { evaluate } from "../lib/train/evaluate.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { HAS_GPU, inFolder as inCommandFolder, qtrain } from "./support/command.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const read = async (out: string): Promise<EvaluationRecord> =>
  decodeEvaluation(await Deno.readTextFile(`${out}/evaluation.json`), out);

const diagonal = ({ confusion }: Pick<EvaluationRecord, "confusion">) =>
  confusion.reduce(
    (sum, [label, predicted, images]) => sum + (label === predicted ? images : 0),
    0,
  );

for (const device of ["cpu", "gpu"] as const) {
  Deno.test({
    name: `a run's folder holds its last evaluation, and evaluate repeats it: ${device}`,
    ignore: device === "gpu" && !HAS_GPU,
    fn: () =>
      inFolder(async (out) => {
        const { end: { summary } } = await runOf(SHORT, { device, out });
        const record = await read(out);
        assert.equal(record.step, summary.steps);
        assert.equal(record.accuracy, summary.test_accuracy);
        assert.equal(record.loss, summary.test_loss);
        assert.equal(record.top5, summary.test_top5);
        // The same answers as the kernel that counts them.
        assert.equal(diagonal(record), Math.round(record.accuracy * record.images));
        assert.equal(record.confusion.reduce((sum, [, , images]) => sum + images, 0), 40);
        assert.deepEqual(record.classes.slice(0, 2), ["ring", "cross"]);
        assert.equal(record.mistakes.length, Math.min(16, 40 - diagonal(record)));
        for (const { png, label, predicted } of record.mistakes) {
          assert.notEqual(label, predicted);
          const { width, height } = await decodeImage(
            new Uint8Array(Buffer.from(png, "base64")),
            "a mistake",
          );
          assert.deepEqual([width, height], [12, 12]);
        }
        const again = await evaluate(out, { device });
        assert.deepEqual(again.confusion, record.confusion);
        assert.deepEqual(
          again.mistakes.map(({ index }) => index),
          record.mistakes.map(({ index }) => index),
        );
        const trained = await evaluate(out, { device, split: "train" });
        assert.deepEqual([trained.split, trained.images], ["train", 168]);
        assert.equal(trained.classFigures.reduce((sum, { support }) => sum + support, 0), 168);
      }),
  });
}

Deno.test("an interrupted run and its resumption end with the same evaluation.json", async () => {
  await inFolder(async (out) => {
    await runOf(SHORT, { device: "cpu", out });
    await runOf(SHORT, { device: "cpu", out: `${out}-2`, stopAt: 13 });
    assert.equal((await read(`${out}-2`)).step, 10, "the evaluation of the epoch before");
    await runOf(SHORT, { device: "cpu", out: `${out}-2`, resume: true });
    assert.deepEqual(await read(`${out}-2`), await read(out));
  });
});

Deno.test("an evaluation of steps that are taken back is deleted, a damaged one too", async () => {
  await inFolder(async (out) => {
    await runOf(SHORT, { device: "cpu", out });
    const folder = await RunFolder.open(out);
    await folder.truncateLogs(20);
    assert.equal((await read(out)).step, 20);
    await folder.truncateLogs(10);
    await assert.rejects(read(out), Deno.errors.NotFound);
    await Deno.writeTextFile(`${out}/evaluation.json`, '{"step": 1');
    await folder.truncateLogs(10);
    await assert.rejects(read(out), Deno.errors.NotFound);
  });
});

Deno.test("eval shows each class and which are confused; its JSON has the whole matrix", async () => {
  await inCommandFolder({ "r.yaml": JSON.stringify(SHORT) }, async (cwd) => {
    const trained = await qtrain(["r.yaml", "--device", "cpu"], { cwd });
    assert.match(trained.stderr, /^top-5 accuracy [\d.]+%, calibration error [\d.]+%$/m);
    assert.match(trained.stderr, /^weakest classes \(F1\): \w+ [\d.]+%, /m);
    const run = ["eval", "runs/r", "--device", "cpu"];
    const { stdout } = await qtrain(run, { cwd });
    assert.match(stdout, /\n\nclass +precision +recall +F1 +images\n/);
    assert.match(stdout, /\nring +[\d.–]+%? +[\d.–]+%? +[\d.–]+%? +\d\n/);
    assert.match(stdout, /\nis \\ taken for +0 +1 +2/);
    const json = JSON.parse((await qtrain([...run, "--json"], { cwd })).stdout);
    assert.equal(json.classes.length, 10);
    assert.deepEqual(Object.keys(json.classes[0]), [
      "class",
      "label",
      "precision",
      "recall",
      "f1",
      "images",
    ]);
    assert.equal(json.split, "test");
    const train = await qtrain([...run, "--split", "train"], { cwd });
    assert.match(train.stdout, /^train accuracy [\d.]+%, train loss [\d.]+ \(168 images, /);
    const wrong = await qtrain([...run, "--split", "validation"], { cwd });
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--split: expected one of test, train, got "?validation/);
  });
});

Deno.test("names of classes come from the recipe where the data has none, and must fit", async () => {
  const names = Array.from({ length: 10 }, (_, k) => `shape ${k}`);
  await inCommandFolder({}, async (cwd) => {
    const images = new Uint8Array(16 + 20 * 16), labels = new Uint8Array(8 + 20);
    new DataView(images.buffer).setUint32(0, 0x803);
    new DataView(labels.buffer).setUint32(0, 0x801);
    [20, 4, 4].forEach((n, i) => new DataView(images.buffer).setUint32(4 + 4 * i, n));
    new DataView(labels.buffer).setUint32(4, 20);
    for (let i = 0; i < 20; i++) {
      labels[8 + i] = i % 10;
      images.fill(i * 12, 16 + i * 16, 32 + i * 16);
    }
    for (const split of ["train", "t10k"]) {
      await Deno.writeFile(`${cwd}/${split}-images-idx3-ubyte`, images);
      await Deno.writeFile(`${cwd}/${split}-labels-idx1-ubyte`, labels);
    }
    const recipe = {
      data: { format: "idx", root: ".", class_names: names },
      model: { name: "cnn", width: 4 },
      train: { epochs: 1, batch: 10 },
    };
    await Deno.writeTextFile(`${cwd}/r.yaml`, JSON.stringify(recipe));
    assert.equal((await qtrain(["r.yaml", "--device", "cpu"], { cwd })).code, 0);
    assert.deepEqual((await read(`${cwd}/runs/r`)).classes, names);
    const few = await qtrain(["check", "r.yaml", "data.class_names=[a, b]"], { cwd });
    assert.match(
      few.stderr,
      /data\.class_names: expected 10 names, one for each class of .*, got 2;/,
    );
    const twice = await qtrain(["check", "r.yaml", "data.class_names=[a, a]"], { cwd });
    assert.match(twice.stderr, /data\.class_names: expected a list of names, .*all different/);
    const glyphs = await qtrain(["check", "r.yaml", "data.format=glyphs", "data.root="], { cwd });
    assert.match(glyphs.stderr, /data\.class_names: expected for data without names of classes/);
  });
});

Deno.test("an evaluation hands each image's scores to its metrics, also in many short waits", async () => {
  const many = {
    ...SHORT,
    data: { ...SHORT.data, test: 1500 },
    train: { ...SHORT.train, batch: 2 },
  };
  const { end: { summary }, events } = await runOf(
    { ...many, train: { ...many.train, max_steps: 3 } },
    { device: "cpu" },
  );
  const epoch = events.findLast((event) => event.type === "epoch")!;
  assert.equal(diagonal(epoch.evaluation), Math.round(1500 * summary.test_accuracy!));
});
