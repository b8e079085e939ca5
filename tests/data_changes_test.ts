/**
 * Data that changes or vanishes under a run, or between its beginning and the day that it goes on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openDevice } from "../lib/runtime/device.ts";
import { loadRecipe } from "../lib/recipe/load.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { train } from "../lib/train/train.ts";
import { idxBytes, ramp, smallIdx, withFolder } from "./data_helpers.ts";
import { qtrain } from "./support/command.ts";
import { PLAIN, plainPng } from "./support/image_folders.ts";

const LAYERS = "model: { layers: [global_avg_pool, { type: linear, features: CLASSES }] }\n";
const IDX = "data: { format: idx, root: digits }\n" + LAYERS.replace("CLASSES", "3") +
  "train: { epochs: 3, batch: 3 }\n";
const FOLDER = "data: { format: folder, root: pets, size: 4, workers: 0 }\n" +
  LAYERS.replace("CLASSES", "2") + "train: { epochs: 3, batch: 4 }\n";

/** A recipe with its data beside it. */
async function placed(
  text: string,
  files: Readonly<Record<string, Uint8Array>>,
  body: (folder: string, path: string) => Promise<void>,
): Promise<void> {
  await withFolder({ ...files, "r.yaml": new TextEncoder().encode(text) }, async (folder) => {
    await body(folder, `${folder}/r.yaml`);
  });
}

const at = (name: string, files: Readonly<Record<string, Uint8Array>>) =>
  Object.fromEntries(Object.entries(files).map(([file, bytes]) => [`${name}/${file}`, bytes]));
const DIGITS = at("digits", smallIdx());

/** Trains; `after` is called with every epoch, and decides whether to stop there. */
async function run(
  recipe: Recipe,
  out: string,
  { resume = false, after = () => {} }: {
    readonly resume?: boolean;
    readonly after?: (epoch: number, stop: () => void) => void | Promise<void>;
  } = {},
): Promise<string[]> {
  const stop = new AbortController(), warnings: string[] = [];
  const folder = await RunFolder.create({ out, name: "run", resume });
  const opened = await openDevice("cpu"), warn = (text: string) => void warnings.push(text);
  for await (const event of train(recipe, { folder, resume, opened, warn, signal: stop.signal })) {
    if (event.type === "epoch") await after(event.epoch, () => stop.abort());
  }
  return warnings;
}

const half = (epoch: number, stop: () => void) => epoch === 1 ? stop() : undefined;

Deno.test("a file that changes under a run in memory is reported once, and the run goes on", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const labels = `${folder}/digits/train-labels-idx1-ubyte`;
    const warnings = await run(await loadRecipe(path), `${folder}/run`, {
      async after(epoch) {
        if (epoch === 1) await Deno.writeFile(labels, new Uint8Array(5));
      },
    });
    assert.deepEqual(warnings, [
      `data.root: ${labels} had 11 bytes and has 5 since the run began; the run continues with ` +
      "the images it read at its start",
    ]);
  }));

Deno.test("data that vanishes under a run in memory is reported, and the run goes on", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const warnings = await run(await loadRecipe(path), `${folder}/run`, {
      async after(epoch) {
        if (epoch === 1) await Deno.remove(`${folder}/digits`, { recursive: true });
      },
    });
    assert.equal(warnings.length, 4);
    assert.match(
      warnings[0]!,
      /train-images-idx3-ubyte is gone since the run began; the run continues/,
    );
    assert.match(warnings[3]!, /1 more file has changed/);
  }));

Deno.test("an image that is written again under a run is reported", () =>
  placed(FOLDER, at("pets", PLAIN), async (folder, path) => {
    // Too large to be kept in memory in both sizes: read again in every epoch.
    const recipe = await loadRecipe(path, ["data.augment=[resized_crop]"]);
    const victims = ["red/1.png", "red/2.png"].map((name) => `${folder}/pets/${name}`);
    const warnings = await run(recipe, `${folder}/run`, {
      async after(epoch) {
        if (epoch !== 1) return;
        for (const victim of victims) await Deno.writeFile(victim, plainPng(99, 9, 9));
      },
    });
    for (const victim of victims) {
      assert.ok(
        warnings.some((text) => text.startsWith(`data.root: ${victim} had `)),
        warnings.join("\n"),
      );
    }
  }));

Deno.test("an image that vanishes under a run stops it with its path and exit code 2", () =>
  placed(FOLDER, at("pets", PLAIN), async (folder, path) => {
    const recipe = await loadRecipe(path, ["data.augment=[resized_crop]", "data.size=3"]);
    await assert.rejects(
      run(recipe, `${folder}/run`, {
        async after(epoch) {
          if (epoch === 1) await Deno.remove(`${folder}/pets/red`, { recursive: true });
        },
      }),
      {
        name: "DataError",
        exitCode: 2,
        message: /red.\d+\.png: expected an image file, found nothing/,
      },
    );
    const { checkpoints } = {
      checkpoints: await (await RunFolder.open(`${folder}/run`)).checkpoints(),
    };
    assert.ok(checkpoints.length > 0, "the checkpoint of the first epoch stays");
  }));

Deno.test("a run goes on with data of another size only where the command line names it", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const out = `${folder}/run`, images = `${folder}/digits/t10k-images-idx3-ubyte`;
    await run(await loadRecipe(path), out, { after: half });
    const { "t10k-images-idx3-ubyte": all, "t10k-labels-idx1-ubyte": labels } = smallIdx();
    const one = (bytes: Uint8Array, size: number) => {
      const cut = bytes.slice(0, bytes.length - size);
      cut[7] = 1;
      return cut;
    };
    await Deno.writeFile(images, one(all!, 6));
    await Deno.writeFile(`${folder}/digits/t10k-labels-idx1-ubyte`, one(labels!, 1));
    await assert.rejects(run(await loadRecipe(path), out, { resume: true }), (error: Error) => {
      assert.equal(error.name, "DataError");
      assert.match(
        error.message,
        /^data\.root: the files in .*digits have changed since the run in /,
      );
      assert.match(error.message, /t10k-images-idx3-ubyte had 28 bytes and has 22; /);
      assert.match(error.message, /set data\.root=\S*digits on the command line/);
      return true;
    });
    const named = await loadRecipe(path, [`data.root=${folder}/digits`]);
    const warnings = await run(named, out, { resume: true });
    assert.match(
      warnings[0]!,
      /t10k-images-idx3-ubyte had 28 bytes .*continues with the present files$/,
    );
  }));

Deno.test("a run goes on without a word with data that was copied back: the contents are the same", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const out = `${folder}/run`, images = `${folder}/digits/t10k-images-idx3-ubyte`;
    await run(await loadRecipe(path), out, { after: half });
    await Deno.utime(images, 1e9, 1e9);
    assert.deepEqual(await run(await loadRecipe(path), out, { resume: true }), []);
  }));

Deno.test("a large file that was written again is read in part, so it is told", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const out = `${folder}/run`, images = `${folder}/digits/train-images-idx3-ubyte`;
    const large = (body: number) =>
      idxBytes(0x803, [3, 100, 100], ramp(30_000).fill(body, 5000, 9));
    const test = idxBytes(0x803, [2, 100, 100], ramp(20_000));
    await Deno.writeFile(images, large(0));
    await Deno.writeFile(`${folder}/digits/t10k-images-idx3-ubyte`, test);
    await run(await loadRecipe(path), out, { after: half });
    await Deno.utime(images, 1e9, 1e9);
    const warnings = await run(await loadRecipe(path), out, { resume: true });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /was written again at 2001-09-09T01:46:40\.000Z \(before: 20/);
  }));

Deno.test("a file with other contents of the same size is noticed, whatever its time", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const out = `${folder}/run`, labels = `${folder}/digits/train-labels-idx1-ubyte`;
    await run(await loadRecipe(path), out, { after: half });
    const bytes = await Deno.readFile(labels);
    bytes.set([0, 1, 2], 8);
    await Deno.writeFile(labels, bytes);
    await Deno.utime(labels, 1e9, 1e9);
    await assert.rejects(
      run(await loadRecipe(path), out, { resume: true }),
      /train-labels-idx1-ubyte has other contents\. Restore them, or set data\.root=/,
    );
  }));

Deno.test("a project that was renamed is resumed and evaluated, to the bytes of one that stayed", () =>
  placed(FOLDER, at("old/pets", PLAIN), async (folder) => {
    const cpu = ["--device", "cpu"], stayed = `${folder}/stayed`;
    await Deno.mkdir(`${folder}/old/runs`);
    await Deno.writeTextFile(`${folder}/old/r.yaml`, FOLDER);
    const train = (recipe: string, out: string, ...more: string[]) =>
      qtrain([recipe, "--out", out, ...cpu, ...more]);
    for (const out of [stayed, `${folder}/old/runs/r`]) {
      const first = await train(`${folder}/old/r.yaml`, out, "train.epochs=1");
      assert.equal(first.code, 0, first.stderr);
    }
    await train(`${folder}/old/r.yaml`, stayed, "train.epochs=2", "--resume");
    await Deno.rename(`${folder}/old`, `${folder}/new`);
    const out = `${folder}/new/runs/r`;
    const resumed = await train(`${folder}/new/r.yaml`, out, "train.epochs=2", "--resume");
    assert.equal(resumed.code, 0, resumed.stderr);
    const evaluated = await qtrain(["eval", out, ...cpu]);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    assert.match(await Deno.readTextFile(`${out}/recipe.yaml`), /^ {2}root: pets$/m);
    const [newest] = await (await RunFolder.open(out)).checkpoints();
    const [expected] = await (await RunFolder.open(stayed)).checkpoints();
    assert.deepEqual(await Deno.readFile(newest!.path), await Deno.readFile(expected!.path));
    // From the run's own recipe, which lies in another folder.
    const own = await train(`${out}/recipe.yaml`, out, "train.epochs=3", "--resume");
    assert.equal(own.code, 0, own.stderr);
  }));

Deno.test("data that moved is missed with a remedy, taken from the command line, and remembered", () =>
  placed(FOLDER, at("pets", PLAIN), async (folder, path) => {
    const out = `${folder}/a run`, cpu = ["--device", "cpu"];
    const train = (recipe: string, ...more: string[]) =>
      qtrain([recipe, "--out", out, ...cpu, ...more], { cwd: folder });
    assert.equal((await train(path, "train.epochs=1")).code, 0);
    await Deno.rename(`${folder}/pets`, `${folder}/my photos`);
    for (const missed of [await train(path, "--resume"), await qtrain(["eval", out, ...cpu])]) {
      assert.equal(missed.code, 2);
      assert.match(
        missed.stderr,
        /found nothing at .*pets.*; .*give data\.root=PATH on the command/,
      );
    }
    // Relative to the current folder.
    const named = await train(path, "data.root=my photos", "train.epochs=2", "--resume");
    assert.equal(named.code, 0, named.stderr);
    for (const recipe of [path, `${out}/recipe.yaml`]) {
      const again = await train(recipe, "train.epochs=3", "--resume");
      assert.equal(again.code, 0, again.stderr);
    }
    assert.equal((await qtrain(["eval", out, ...cpu])).code, 0);
    // So is the place that a run began with.
    const other = `${folder}/other`;
    const begin = await qtrain([path, "--out", other, ...cpu, "data.root=my photos"], {
      cwd: folder,
    });
    assert.equal(begin.code, 0, begin.stderr);
    const rest = await qtrain([path, "--out", other, ...cpu, "--resume", "train.epochs=4"]);
    assert.equal(rest.code, 0, rest.stderr);
    // An image more is another data set, unless the command line says so.
    await Deno.writeFile(`${folder}/my photos/red/new.png`, plainPng(9, 4, 4));
    const more = await train(path, "train.epochs=4", "--resume");
    assert.equal(more.code, 2);
    const [, photos] = /set data\.root='([^']*)' on the command line/.exec(more.stderr) ?? [];
    assert.ok(photos, more.stderr);
    const taken = await train(path, `data.root=${photos}`, "train.epochs=4", "--resume");
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(
      taken.stderr,
      /new\.png is new since the run began; it continues with the present/,
    );
  }));

Deno.test("a run that was moved alone finds its data, and reads no folder that is there by chance", () =>
  placed(FOLDER.replace("root: pets", "root: ."), PLAIN, async (folder) => {
    const cpu = ["--device", "cpu"], project = `${folder}/project`;
    await Deno.mkdir(project);
    for (const name of ["red", "train", "r.yaml"]) {
      await Deno.rename(`${folder}/${name}`, `${project}/${name}`);
    }
    const trained = await qtrain(["r.yaml", ...cpu, "train.epochs=1"], { cwd: project });
    assert.equal(trained.code, 0, trained.stderr);
    // The folder two above it holds much else.
    const moved = `${folder}/a/moved`;
    await Deno.mkdir(`${folder}/a/others/x`, { recursive: true });
    await Deno.rename(`${project}/runs/r`, moved);
    const found = await qtrain(["eval", moved, ...cpu]);
    assert.equal(found.code, 0, found.stderr);
    await Deno.rename(project, `${folder}/elsewhere`);
    const missed = await qtrain(["eval", moved, ...cpu]);
    assert.equal(missed.code, 2);
    assert.match(missed.stderr, /found nothing at .*project; .*give data\.root=PATH/);
    const named = await qtrain(["eval", moved, `data.root=${folder}/elsewhere`, ...cpu]);
    assert.equal(named.code, 0, named.stderr);
  }));

Deno.test("a run is not resumed on data with other classes, whatever the command line says", () =>
  placed(FOLDER, at("pets", PLAIN), async (folder, path) => {
    const out = `${folder}/run`, cpu = ["--device", "cpu", "--out", out];
    assert.equal((await qtrain([path, "train.epochs=1", ...cpu])).code, 0);
    await Deno.rename(`${folder}/pets/red`, `${folder}/pets/rouge`);
    const { code, stderr } = await qtrain(
      [path, `data.root=${folder}/pets`, "train.epochs=2", "--resume", ...cpu],
    );
    assert.equal(code, 2);
    assert.match(stderr, /cannot resume: the run began with the classes .*red.*others \(rouge\)/);
  }));

Deno.test("a file that changes while it is read is refused", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const stat = Deno.stat, victim = `${folder}/digits/t10k-labels-idx1-ubyte`;
    let seen = 0;
    // The last look at it, after all was read, finds another time.
    Deno.stat = async (place) => {
      const info = await stat(place);
      return place === victim && ++seen > 1 ? { ...info, mtime: new Date(0) } : info;
    };
    try {
      await assert.rejects(run(await loadRecipe(path), `${folder}/run`), {
        name: "DataError",
        message: /^data\.root: a file changed while it was read: .*t10k-labels/,
      });
    } finally {
      Deno.stat = stat;
    }
  }));
