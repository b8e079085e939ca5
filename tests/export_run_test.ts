/**
 * `exportRun`: from a run's folder to a file that has been checked, and what it refuses.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { openModelFile } from "../lib/export/open.ts";
import { decodeSafetensors } from "../lib/core/safetensors.ts";
import { encodeChecked } from "../lib/train/checkpoint/checksum.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { evaluate } from "../lib/train/evaluate.ts";
import { dropOf, usualMaxDrop } from "../lib/train/export/rejection.ts";
import { exportRun } from "../lib/train/export/export.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { writePhotos } from "./support/photos.ts";
import { runOf } from "./support/runs.ts";

const CPU = { device: "cpu" } as const;
const RECIPE = {
  data: { format: "glyphs", size: 12, train: 320, test: 100 },
  model: { name: "cnn", width: 4 },
  train: { epochs: 2, batch: 16, optimizer: { lr: 0.05 } },
} as const satisfies RecipeInput;

/** Trains a recipe and calls `use` with the run's folder and an empty one. */
async function withRun(
  recipe: RecipeInput,
  use: (run: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir(), run = `${folder}/run`, out = `${folder}/out`;
  try {
    await Deno.mkdir(out);
    await runOf(recipe, { ...CPU, out: run });
    await use(run, out);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const filesIn = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();

Deno.test("a run becomes an ONNX and a TFLite file that answer as it does", async () => {
  await withRun(RECIPE, async (run, out) => {
    const { accuracy } = await evaluate(run, CPU);
    for (const name of ["a.onnx", "b.tflite"]) {
      const file = `${out}/${name}`, report = await exportRun(run, file, { ...CPU, maxDrop: 5 });
      const { check, arithmetic, bytes } = report;
      assert.equal(report.file, file);
      assert.equal(arithmetic, "int8");
      assert.equal(bytes, (await Deno.stat(file)).size);
      assert.equal(check!.images, 100);
      assert.equal(check!.runAccuracy, accuracy);
      assert.ok(check!.differing <= 5, `${check!.differing} of 100 answers differ`);
      const opened = openModelFile(await Deno.readFile(file), file);
      assert.deepEqual([opened.shape, opened.classes], [[12, 12, 1], 10]);
      const again = `${out}/again-${name}`;
      await exportRun(run, again, { ...CPU, check: 40, maxDrop: 100 });
      if (name.endsWith(".onnx")) {
        assert.deepEqual(await Deno.readFile(again), await Deno.readFile(file), "the same bytes");
      }
    }
    const left = await filesIn(out);
    assert.ok(left.includes("a.onnx") && left.includes("b.tflite"), `${left}`);
    assert.ok(!left.some((name) => name.includes("unchecked")), `${left}`);
  });
});

Deno.test("a float32 file answers as a float32 run, to rounding", async () => {
  await withRun({ ...RECIPE, quantize: { arithmetic: "float32" } }, async (run, out) => {
    const { arithmetic, check } = await exportRun(run, `${out}/a.onnx`, CPU);
    assert.equal(arithmetic, "float32");
    assert.equal(check!.differing, 0);
    assert.ok(check!.maxDifference < 1e-5, `${check!.maxDifference}`);
    await assert.rejects(exportRun(run, `${out}/a.tflite`, CPU), /a run in int8.*ends in \.onnx/);
  });
});

Deno.test("a file of real values can be made of an int8 run", async () => {
  await withRun(RECIPE, async (run, out) => {
    const report = await exportRun(run, `${out}/a.onnx`, { ...CPU, float32: true, maxDrop: 5 });
    assert.equal(report.arithmetic, "float32");
    assert.ok(report.check!.differing <= 5);
  });
});

Deno.test("the file is checked with some of the test images, or none, if asked to", async () => {
  await withRun(RECIPE, async (run, out) => {
    const some = await exportRun(run, `${out}/a.onnx`, { ...CPU, check: 7, maxDrop: 100 });
    assert.equal(some.check!.images, 7);
    const none = await exportRun(run, `${out}/a.onnx`, { ...CPU, check: 0 });
    assert.equal(none.check, undefined);
    const scored = await exportRun(run, `${out}/a.tflite`, { ...CPU, check: 0 });
    assert.equal(scored.check, undefined);
  });
});

/** Changes the text `data` in the metadata of a run's checkpoints. */
async function changeSpec(run: string, change: (text: string) => string): Promise<void> {
  for (const { path } of await (await RunFolder.open(run)).checkpoints()) {
    const { tensors, metadata } = decodeSafetensors(await Deno.readFile(path), path);
    await Deno.writeFile(
      path,
      encodeChecked(tensors, { ...metadata, data: change(metadata.data!) }),
    );
  }
}

Deno.test("a file that answers worse than its run is kept under another name, with the layer", async () => {
  const train = { epochs: 20, batch: 16, optimizer: { lr: 0.1 } };
  await withRun({ ...RECIPE, model: { name: "cnn", width: 8 }, train }, async (run, out) => {
    const { accuracy } = await evaluate(run, CPU);
    assert.ok(accuracy > 0.5, `${accuracy}`);
    // The file then normalizes images in another way than the run.
    await changeSpec(run, (text) => text.replace(/"mean":\[[^\]]*\]/, '"mean":[-3]'));
    const options = { ...CPU, maxDrop: 2 };
    await assert.rejects(exportRun(run, `${out}/a.onnx`, options), (error: Error) => {
      const { message } = error;
      assert.match(
        message,
        /^\S+\/a\.rejected\.onnx: the file answers [\d.]+% of 100 images right/,
      );
      assert.match(message, /the run [\d.]+%: [\d.]+ points less, more than the 2 of --max-drop/);
      assert.match(
        message,
        /Layer conv1 differs most: its values are off by [\d.]+%, its input's by/,
      );
      assert.ok(message.includes(
        `init=${run} quantize.arithmetic=simulated ` +
          `quantize.layers='[{match: "*conv*", activations: {estimator: none}}]'`,
      ));
      return true;
    });
    assert.deepEqual(await filesIn(out), ["a.rejected.onnx"]);
  });
});

Deno.test("what others have under the names of an export stays", async () => {
  await withRun(RECIPE, async (run, out) => {
    for (
      const name of ["a.onnx", "a.onnx.json", "a.onnx.md", "a.unchecked.onnx", "a.rejected.onnx"]
    ) {
      await Deno.writeTextFile(`${out}/${name}`, "mine");
      await assert.rejects(
        exportRun(run, `${out}/a.onnx`, CPU),
        new RegExp(`an earlier export to replace, got another file at .*/${name};`),
      );
      assert.equal(await Deno.readTextFile(`${out}/${name}`), "mine");
      await Deno.remove(`${out}/${name}`);
      await Deno.mkdir(`${out}/${name}`);
      await assert.rejects(exportRun(run, `${out}/a.onnx`, CPU), /got a folder at/);
      await Deno.remove(`${out}/${name}`);
    }
  });
});

Deno.test("an interrupted export leaves nothing behind, and what was there before", async () => {
  await withRun(RECIPE, async (run, out) => {
    const file = `${out}/a.onnx`, options = { ...CPU, maxDrop: 100 };
    await exportRun(run, file, options);
    const before = await filesIn(out), bytes = await Deno.readFile(file);
    const signal = AbortSignal.abort(new Error("stopped"));
    await assert.rejects(exportRun(run, file, { ...options, float32: true, signal }), /stopped/);
    assert.deepEqual(await filesIn(out), before);
    assert.deepEqual(await Deno.readFile(file), bytes);
  });
});

Deno.test("a file may lose exactly as many points as are allowed", () => {
  const check = { images: 100, differing: 1, maxDifference: 1 };
  for (let k = 0; k < 100; k++) {
    const drop = dropOf({ ...check, runAccuracy: (k + 1) / 100, fileAccuracy: k / 100 });
    assert.equal(drop, 1);
  }
});

Deno.test("few images do not tell a loss from chance, many do", () => {
  const check = { runAccuracy: 0.9, fileAccuracy: 0.85, maxDifference: 1 };
  assert.ok(usualMaxDrop({ ...check, images: 20, differing: 1 }) > 5);
  assert.ok(usualMaxDrop({ ...check, images: 100, differing: 5 }) < 5);
  assert.equal(usualMaxDrop({ ...check, images: 10_000, differing: 600 }), 1);
  assert.equal(usualMaxDrop({ ...check, images: 10_000, differing: 0 }), 1);
});

Deno.test("options that do not go together are refused before anything is written", async () => {
  await withRun(RECIPE, async (run, out) => {
    const refused = async (name: string, options: object, message: RegExp) =>
      await assert.rejects(exportRun(run, `${out}/${name}`, { ...CPU, ...options }), message);
    await refused("a.pt", {}, /--out: expected a file name that ends in \.onnx, \.tflite or/);
    await refused("a", {}, /--out: expected a file name that ends in/);
    await refused(
      "a.tflite",
      { target: "web" },
      /--target: expected with .*\.onnx, got .*\.tflite/,
    );
    await refused("a.tflite", { float32: true }, /--float32: expected with .*\.onnx/);
    await refused("a.safetensors", { check: 5 }, /--check: expected with .*\.onnx or \.tflite/);
    await refused("a.safetensors", { maxDrop: 5 }, /--max-drop: expected with/);
    await refused(
      "a.onnx",
      { check: -5 },
      /^UsageError: check: expected a whole number of at least 0/,
    );
    await refused(
      "a.onnx",
      { check: 1.5 },
      /check: expected a whole number of at least 0, got 1.5/,
    );
    await refused("a.onnx", { maxDrop: NaN }, /maxDrop: expected percentage points from 0 to 100/);
    await refused("a.onnx", { target: "TensorRT" }, /target: expected ort, web or tensorrt/);
    await refused("a.onnx", { target: "tensorrt" }, /quantize\.activations\.symmetric: true/);
    assert.deepEqual(await filesIn(out), []);
  });
});

Deno.test("a run without a checkpoint, and test images that are gone, are told with what to do", async () => {
  const folder = await Deno.makeTempDir(), run = `${folder}/run`, data = `${folder}/data`;
  try {
    await writePhotos(data, ["disc", "bar"], { train: 24, val: 8 });
    const recipe: RecipeInput = {
      ...RECIPE,
      data: { format: "folder", root: data, size: 12 },
    };
    await runOf(recipe, { ...CPU, out: run });
    await Deno.rename(data, `${folder}/elsewhere`);
    const file = `${folder}/a.onnx`;
    await assert.rejects(
      exportRun(run, file, CPU),
      /data\.root=PATH tells where they are now, and --check 0 writes the file unchecked/,
    );
    await assert.rejects(
      exportRun(run, `${folder}/a.tflite`, { ...CPU, check: 0 }),
      /TFLite holds scores in int8.*data\.root=PATH.*\.onnx does without them/,
    );
    const overrides = [`data.root=${folder}/elsewhere`];
    const { check } = await exportRun(run, file, { ...CPU, overrides, maxDrop: 100 });
    assert.equal(check!.images, 16);
    await exportRun(run, file, { ...CPU, check: 0 });
    await Deno.remove(`${run}/checkpoints`, { recursive: true });
    await assert.rejects(exportRun(run, file, CPU), /no intact checkpoint/);
    await assert.rejects(exportRun(`${folder}/none`, file, CPU), /none/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
