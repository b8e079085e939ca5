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
import { smallIdx, withFolder } from "./data_helpers.ts";
import { qtrain } from "./support/command.ts";
import { PLAIN, plainPng } from "./support/image_folders.ts";

const LAYERS = "model: { layers: [global_avg_pool, { type: linear, features: CLASSES }] }\n";
const IDX = "data: { format: idx, root: digits }\n" + LAYERS.replace("CLASSES", "3") +
  "train: { epochs: 3, batch: 2 }\n";
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
    assert.match(warnings[3]!, /1 more files have changed/);
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

Deno.test("a run goes on with data that was only written again, and says so", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const out = `${folder}/run`, images = `${folder}/digits/t10k-images-idx3-ubyte`;
    await run(await loadRecipe(path), out, { after: half });
    await Deno.utime(images, 1e9, 1e9);
    const warnings = await run(await loadRecipe(path), out, { resume: true });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /was written again at 2001-09-09T01:46:40\.000Z \(before: 20/);
  }));

Deno.test("a run's own recipe leads to the data that it noted, and to no other", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const out = `${folder}/elsewhere/run`, cpu = ["--device", "cpu"];
    await run(await loadRecipe(path), out, { after: half });
    // The advice that an interrupted run prints.
    const resumed = await qtrain([`${out}/recipe.yaml`, "--out", out, "--resume", ...cpu]);
    assert.equal(resumed.code, 0, resumed.stderr);
    const evaluated = await qtrain(["eval", out, ...cpu]);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    // Another's run, which says that its data is ours.
    await Deno.rename(`${folder}/digits`, `${folder}/private`);
    for (const file of ["recipe.yaml", "data.json"]) {
      const text = await Deno.readTextFile(`${out}/${file}`);
      await Deno.writeTextFile(`${out}/${file}`, text.replaceAll("/digits", "/private"));
    }
    await Deno.utime(`${folder}/private/train-images-idx3-ubyte`, 1e9, 1e9);
    const refused = await qtrain(["eval", out, ...cpu]);
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /^data\.root: the files in .*private changed since the run began: /,
    );
    await Deno.remove(`${out}/data.json`);
    const unknown = await qtrain(["eval", out, ...cpu]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /^data\.root: cannot read .* outside the recipe's folder/);
    const named = await qtrain(["eval", out, `data.root=${folder}/private`, ...cpu]);
    assert.equal(named.code, 0, named.stderr);
    const other = await qtrain(["eval", out, "train.batch=1"]);
    assert.equal(other.code, 2);
  }));

Deno.test("a file that changes while it is read is refused", () =>
  placed(IDX, DIGITS, async (folder, path) => {
    const stat = Deno.stat, victim = `${folder}/digits/t10k-labels-idx1-ubyte`;
    let seen = 0;
    // The last look at it, after all was read, finds another time.
    Deno.stat = async (place) => {
      const info = await stat(place);
      return place === victim && ++seen > 2 ? { ...info, mtime: new Date(0) } : info;
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
