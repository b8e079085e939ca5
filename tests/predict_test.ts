/**
 * `predict`: from a folder of photos and a trained run to classes, the same answer alone or among
 * others, without the data that it was trained on.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { decodeSafetensors } from "../lib/core/safetensors.ts";
import { evaluate } from "../lib/train/evaluate.ts";
import {
  predict as predictEach,
  type Prediction,
  type PredictionError,
} from "../lib/train/predict.ts";
import { encodeChecked } from "../lib/train/checkpoint/checksum.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { command, HAS_GPU, qtrain } from "./support/command.ts";
import { photo, pngOf, writePhotos } from "./support/photos.ts";
import { runOf } from "./support/runs.ts";

/** A run of two epochs on photos that are gone, made once: its folder, with photos beside it. */
let made: Promise<{ folder: string; run: string; photos: string[]; accuracy: number }> | undefined;
const trained = () => made ??= train();

async function train() {
  const folder = await Deno.makeTempDir({ prefix: "qtrain-predict-" }), run = `${folder}/run`;
  await writePhotos(`${folder}/data`, ["disc", "frame", "bar"], { train: 24, val: 8 });
  const recipe: RecipeInput = {
    data: { format: "folder", root: `${folder}/data`, size: 20 },
    model: { name: "cnn", width: 8 },
    train: { epochs: 5, batch: 8, optimizer: { lr: 0.1 } },
  };
  const { end } = await runOf(recipe, { out: run });
  assert.equal((await evaluate(run)).accuracy, end.summary.test_accuracy);
  const photos = [];
  await Deno.mkdir(`${folder}/photos`);
  for (const shape of ["bar", "disc", "frame"]) {
    for (let i = 0; i < 8; i++) {
      photos.push(`${folder}/photos/${shape}${i}.png`);
      await Deno.rename(`${folder}/data/val/${shape}/${i}.png`, photos.at(-1)!);
    }
  }
  await Deno.remove(`${folder}/data`, { recursive: true });
  return { folder, run, photos, accuracy: end.summary.test_accuracy! };
}

/** All answers. */
const predict = (...args: Parameters<typeof predictEach>) => Array.fromAsync(predictEach(...args));

const answered = (answer: unknown) => {
  assert.ok(!("error" in (answer as Prediction)), JSON.stringify(answer));
  return answer as Prediction;
};

Deno.test("predict answers as the run's evaluation does, though the data is gone", async () => {
  const { run, photos, accuracy } = await trained();
  const answers = (await predict(run, photos, { top: 3 })).map(answered);
  assert.deepEqual(answers.map((a) => a.image), photos);
  const right = answers.filter((a) => a.image.includes(`/${a.class}`)).length;
  assert.equal(right / photos.length, accuracy);
  assert.ok(accuracy > 0.5, `${accuracy}`);
  for (const { top, class: name, label, probability } of answers) {
    assert.deepEqual(top[0], { class: name, label, probability });
    assert.deepEqual(top.map((l) => l.class).sort(), ["bar", "disc", "frame"]);
    for (const l of top) assert.equal(l.class, ["bar", "disc", "frame"][l.label]);
    assert.ok(top[0]!.probability >= top[1]!.probability);
    assert.ok(Math.abs(top.reduce((sum, l) => sum + l.probability, 0) - 1) < 1e-12);
  }
});

for (const device of HAS_GPU ? ["gpu", "cpu"] as const : ["cpu"] as const) {
  Deno.test(`an image gets the same answer alone and among others, to the bit: ${device}`, async () => {
    const { run, photos } = await trained(), some = photos.filter((_, i) => i % 5 === 0);
    assert.equal(some.length, 5);
    const together = await predict(run, some, { top: 3, device });
    for (const [i, image] of some.entries()) {
      assert.deepEqual(await predict(run, [image], { top: 3, device }), [together[i]]);
    }
    // In another order, and more of them than a batch holds.
    const all = await predict(run, photos.toReversed(), { top: 3, device });
    for (const answer of together) {
      assert.deepEqual(all.find((a) => a.image === answer.image), answer);
    }
  });
}

Deno.test("a run in micro-batches, or under a memory limit, answers as one without", async () => {
  const { run, folder, photos } = await trained(), some = photos.slice(0, 5);
  const wanted = await predict(run, some, { top: 3 });
  const text = await Deno.readTextFile(`${run}/recipe.yaml`);
  const changes = [["micro_batch: 0", "micro_batch: 2"], ["memory: 0", "memory: 200KiB"]] as const;
  for (const [i, [plain, changed]] of changes.entries()) {
    const other = `${folder}/other${i}`;
    await Deno.mkdir(`${other}/checkpoints`, { recursive: true });
    for await (const { name } of Deno.readDir(`${run}/checkpoints`)) {
      await Deno.copyFile(`${run}/checkpoints/${name}`, `${other}/checkpoints/${name}`);
    }
    assert.ok(text.includes(plain), plain);
    await Deno.writeTextFile(`${other}/recipe.yaml`, text.replace(plain, changed));
    assert.deepEqual(await predict(other, some, { top: 3 }), wanted);
  }
});

Deno.test("predict takes images of any size, grey ones, and folders; what fails is told, the rest answered", async () => {
  const { folder, run, photos } = await trained();
  const grey = new Uint8Array(40 * 60).map((_, at) => at % 251);
  await Deno.mkdir(`${folder}/some`, { recursive: true });
  await Deno.writeFile(`${folder}/some/b.PNG`, pngOf(grey, [40, 60, 1]));
  await Deno.writeFile(`${folder}/some/a.png`, pngOf(photo("disc", 7, 50), [50, 50, 3]));
  await Deno.writeTextFile(`${folder}/some/notes.txt`, "no image");
  await Deno.writeTextFile(`${folder}/bad.jpg`, "no image");
  await Deno.mkdir(`${folder}/empty`, { recursive: true });
  const names = ["bad.jpg", "some/", "missing.png", "empty"].map((name) => `${folder}/${name}`);
  const answers = await predict(run, [...names, photos[0]!]);
  assert.deepEqual(
    answers.map((a) => a.image.slice(folder.length + 1)),
    [
      "bad.jpg",
      "some/a.png",
      "some/b.PNG",
      "missing.png",
      "empty",
      photos[0]!.slice(folder.length + 1),
    ],
  );
  assert.deepEqual(answers.map((a) => "error" in a), [true, false, false, true, true, false]);
  const errors = answers.flatMap((a) => "error" in a ? [a.error] : []);
  assert.match(
    errors[0]!,
    /bad\.jpg: byte 0: expected a JPEG, PNG, WebP, GIF or BMP image, got text/,
  );
  assert.match(errors[1]!, /missing\.png: /);
  assert.match(errors[2]!, /empty: expected images in this folder, found none; give another/);
});

Deno.test("a folder stands for all images in it and below it, by their contents, and what is no image is counted", async () => {
  const { folder, run } = await trained(), root = `${folder}/mixed`, warnings: string[] = [];
  await Deno.mkdir(`${root}/2021/summer`, { recursive: true });
  const png = pngOf(photo("disc", 3, 30), [30, 30, 3]);
  for (const name of ["2021/summer/a.png", "2021/b", "-dash.png", "C.PNG"]) {
    await Deno.writeFile(`${root}/${name}`, png);
  }
  await Deno.writeTextFile(`${root}/list.txt`, "no image");
  await Deno.writeTextFile(`${root}/2021/scan.pdf`, "%PDF-1.4");
  await Deno.writeFile(`${root}/._C.PNG`, png);
  await Deno.symlink("nowhere.png", `${root}/link.png`);
  const images = ["-dash.png", "2021/b", "2021/summer/a.png", "C.PNG"].map((at) => `${root}/${at}`);
  const answers = await predict(run, [root, `${root}/2021/b`], {
    warn: (text) => warnings.push(text),
  });
  assert.deepEqual(answers.map(answered).map(({ image }) => image), [...images, `${root}/2021/b`]);
  assert.deepEqual(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /^\S*mixed: left out 2 files that are no images \(.*\), 1 link that lead/,
  );
  await Deno.mkdir(`${folder}/none`);
  await Deno.writeTextFile(`${folder}/none/list.txt`, "no image");
  const [none] = await predict(run, [`${folder}/none`]) as [PredictionError];
  assert.match(
    none.error,
    /none: expected images in this folder, found only 1 file that is no image/,
  );
});

Deno.test("qtrain predict prints a line for each image, or JSON; exit 2 when one failed", async () => {
  const { folder, run, photos } = await trained(), [one, two] = photos as [string, string];
  const [plain, json, bad] = await Promise.all([
    qtrain(["predict", run, one, two, "--top", "2"]),
    qtrain(["predict", run, one, "--json"]),
    qtrain(["predict", run, `${folder}/none.jpg`, one]),
  ]);
  const expected = (await predict(run, [one, two], { top: 2 })).map(answered);
  const shown = ({ class: name, probability }: { class: string; probability: number }) =>
    `${name} ${(100 * probability).toFixed(1)}%`;
  assert.deepEqual(plain, {
    code: 0,
    stdout: expected.map((a) => `${a.image}  ${a.top.map(shown).join(", ")}\n`).join(""),
    stderr: "predicted 2 images\n",
  });
  assert.deepEqual([json.code, json.stderr], [0, ""]);
  assert.deepEqual(JSON.parse(json.stdout), [{ ...expected[0], top: [expected[0]!.top[0]] }]);
  assert.equal(bad.code, 2);
  assert.match(
    bad.stderr,
    /none\.jpg: expected an image file, found nothing there.*\npredicted 1 of 2 images, 1 failed\n$/,
  );
  assert.equal(bad.stdout, `${one}  ${shown(expected[0]!)}\n`);
});

Deno.test("answers come one by one, and whoever stops early leaves nothing open", async () => {
  const { run, photos } = await trained(), many = Array(10).fill(photos).flat() as string[];
  const answers = predictEach(run, many, { device: "cpu" });
  for await (const { image } of answers) {
    assert.equal(image, photos[0]);
    break;
  }
});

Deno.test("an image that fails among many costs the others nothing, in JSON and as lines of it", async () => {
  const { folder, run, photos } = await trained();
  await Deno.writeTextFile(`${folder}/cut.png`, "\x89PNG");
  const images = [...photos, `${folder}/cut.png`, `${folder}/gone.png`, ...photos, photos[0]!];
  const expected = await predict(run, images, { device: "cpu" });
  const alone = await predict(run, photos, { device: "cpu" });
  assert.deepEqual(expected.flatMap((a) => "error" in a ? [] : [a]), [
    ...alone,
    ...alone,
    alone[0],
  ]);
  assert.deepEqual(expected.map((a) => a.image), images);
  const stderr = "predicted 49 of 51 images, 2 failed\n";
  const [json, lines, both] = await Promise.all([
    qtrain(["predict", run, ...images, "--device", "cpu", "--json"]),
    qtrain(["predict", run, ...images, "--device", "cpu", "--jsonl"]),
    qtrain(["predict", run, ...images, "--jsonl", "--json"]),
  ]);
  assert.deepEqual(json, { code: 2, stdout: JSON.stringify(expected, null, 2) + "\n", stderr });
  const text = expected.map((answer) => JSON.stringify(answer) + "\n").join("");
  assert.deepEqual(lines, { code: 2, stdout: text, stderr });
  assert.equal(both.stderr, "--json and --jsonl: expected one of them, got both\n");
});

Deno.test("of very many images that fail, the first hundred are named", async () => {
  const { folder, run } = await trained(), gone = Array(150).fill(`${folder}/gone.png`);
  const { code, stdout, stderr } = await qtrain(["predict", run, ...gone]),
    lines = stderr.split("\n");
  assert.deepEqual([code, stdout, lines.length], [2, "", 103]);
  assert.equal(lines[100], "more images that fail are counted only; --jsonl has an error for each");
  assert.equal(lines[101], "predicted 0 of 150 images, 150 failed");
});

Deno.test("a reader of stdout that has gone ends the work, without an error", async () => {
  const { folder, run } = await trained(), many = Array(1000).fill(`${folder}/photos`);
  const child = command(["predict", run, ...many, "--device=cpu", "--jsonl"]).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const stderr = await new Response(child.stderr).text(), { code } = await child.status;
  assert.equal(code, 0);
  const [, predicted] = /^predicted ([\d,]+) images\n$/.exec(stderr) ?? [];
  assert.ok(Number(predicted?.replaceAll(",", "")) < 24_000, stderr);
});

Deno.test({
  name: "Ctrl-C ends with 130 and an array of JSON that is closed",
  ignore: Deno.build.os === "windows",
  async fn() {
    const { folder, run } = await trained(), many = Array(1000).fill(`${folder}/photos`);
    const child = command(["predict", run, ...many, "--device=cpu", "--json"]).spawn();
    let text = "", stopped = false;
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (!stopped) child.kill("SIGINT");
      stopped = true;
    }
    const { code } = await child.status, stderr = await new Response(child.stderr).text();
    const { length } = JSON.parse(text);
    assert.equal(code, 130);
    assert.ok(length > 0 && length < 24_000, `${length}`);
    const counted = `interrupted: predicted ${length.toLocaleString("en")} images\n`;
    assert.ok(stderr.endsWith(counted), stderr);
  },
});

Deno.test("qtrain predict refuses what it cannot do, in a line", async () => {
  const { run, photos } = await trained();
  const dash = await qtrain(["predict", run, "-home photo.png"]);
  assert.equal(dash.code, 2);
  assert.match(
    dash.stderr,
    /^-home photo\.png: not an option of qtrain predict, .*; give a file of this name as '.\/-home photo\.png'\n$/,
  );
  const [swapped, glob, none, top, nowhere] = await Promise.all([
    qtrain(["predict", photos[0]!, run]),
    qtrain(["predict", run, `${run}/none/*.png`]),
    qtrain(["predict", run]),
    qtrain(["predict", run, photos[0]!, "--top", "0"]),
    qtrain(["predict", "/nowhere", photos[0]!]),
  ]);
  assert.deepEqual([swapped, glob, none, top, nowhere].map(({ code }) => code), [2, 2, 2, 2, 2]);
  assert.equal(
    swapped.stderr,
    `qtrain predict: expected the folder of a run before the images, got it after ${photos[0]}; ` +
      `write deno task qtrain predict ${run} ${photos[0]}\n`,
  );
  const [, written] = / predict (.*)\n$/.exec(swapped.stderr)!;
  assert.equal((await qtrain(["predict", ...written!.split(" ")])).code, 0);
  assert.equal(
    glob.stderr,
    `${run}/none/*.png: no file matches this pattern; give the folder instead\n`,
  );
  assert.match(
    none.stderr,
    /^qtrain predict: expected an image after .*, got nothing/,
  );
  assert.match(top.stderr, /^--top: expected a whole number from 1 to 100000, got "0"/);
  assert.match(nowhere.stderr, /^\/nowhere: expected the folder of a run/);
});

Deno.test("a checkpoint that does not say what its images are is refused, and how to make one that does", async () => {
  const { folder, run, photos } = await trained();
  const old = await RunFolder.create({ out: `${folder}/old`, name: "old", resume: false });
  const [newest] = await (await RunFolder.open(run)).checkpoints();
  const { tensors, metadata } = decodeSafetensors(await Deno.readFile(newest!.path), "x");
  const { data: _, ...rest } = metadata;
  await old.writeCheckpoint(3, encodeChecked(tensors, rest));
  await assert.rejects(predict(old.path, [photos[0]!]), {
    name: "DataError",
    message:
      `${old.path}/checkpoints/step-00000003.safetensors: expected the shape, classes, mean ` +
      "and std of its images in the metadata, got none: an earlier version of qtrain wrote it. " +
      "Train again, or continue for one more epoch with --resume",
  });
  await old.writeCheckpoint(3, encodeChecked(tensors, { ...metadata, data: '{"shape":[1]}' }));
  await assert.rejects(predict(old.path, [photos[0]!]), /DataError|no intact checkpoint/);
});
