/**
 * Two runs and one folder.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isLocked, lockFolder } from "../lib/core/folder_lock.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { command, inFolder, qtrain } from "./support/command.ts";
import { runOf, SHORT } from "./support/runs.ts";

const RECIPE = "data: { format: glyphs, size: 12, train: 64, test: 32 }\n" +
  "model: { name: cnn, width: 4 }\n" +
  "train: { epochs: 5000, batch: 16, schedule: { name: constant } }\n";
const BUSY = /^runs?\/?\S*: another run is writing this folder\. Wait/;

Deno.test("a second run into a folder is refused while the first one trains, resumed or not, and disturbs nothing", async () => {
  await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const args = ["r.yaml", "--device", "cpu", "--out", "run"];
    const first = command([...args, "--json"], { cwd }).spawn();
    const reader = first.stdout.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes('"type":"epoch"');) text += (await reader.read()).value;
    const again = await qtrain([...args, "--resume", "--quiet"], { cwd });
    assert.equal(again.code, 2);
    assert.match(again.stderr, BUSY);
    assert.equal((await qtrain([...args, "--quiet"], { cwd })).code, 2);
    // The folder of a run in progress can be read all the while.
    const json = ["--device", "cpu", "--json"];
    assert.equal((await qtrain(["eval", "run", ...json], { cwd })).code, 0);

    // A dead owner leaves the lock by itself.
    first.kill("SIGKILL");
    await reader.cancel();
    await first.stderr.cancel();
    assert.equal((await first.status).code, 137);
    const short = ["--resume", "--quiet", "train.max_steps=1"];
    assert.equal((await qtrain([...args, ...short], { cwd })).code, 0);
  });
});

Deno.test("of runs that start at once into a new folder, one trains", async () => {
  await inFolder({}, async (cwd) => {
    const out = `${cwd}/run`;
    const all = await Promise.allSettled(
      [1, 2, 3].map((seed) =>
        runOf({ ...SHORT, seed, train: { ...SHORT.train, epochs: 1 } }, { device: "cpu", out })
      ),
    );
    const refused = all.flatMap((r) => r.status === "rejected" ? [r.reason] : []);
    assert.equal(refused.length, 2);
    for (const { name, message } of refused) {
      assert.equal(name, "UsageError");
      // The last one may come when the first has ended.
      assert.match(message, /another run is writing this folder|got one with recipe\.yaml/);
    }
    const seed = all.findIndex((r) => r.status === "fulfilled") + 1;
    assert.match(await Deno.readTextFile(`${out}/recipe.yaml`), new RegExp(`\nseed: ${seed}\n`));
  });
});

Deno.test("who gets the lock after another run has come and gone finds that run", async () => {
  await inFolder({}, async (cwd) => {
    const create = () => RunFolder.create({ out: `${cwd}/run`, name: "n", resume: false });
    const [first, second] = [await create(), await create()];
    {
      await using _ = await first.lock();
      await assert.rejects(second.lock(), /another run is writing this folder/);
      await first.writeRecipe("name: n\n");
    }
    await assert.rejects(second.lock(), {
      name: "UsageError",
      message: /got one with recipe\.yaml\. Add --resume/,
    });
    await using _ = await first.lock(); // Its own.
  });
});

Deno.test("a folder that got no run keeps no trace of the lock, and who waits for it gets it", async () => {
  await inFolder({}, async (cwd) => {
    const out = `${cwd}/new/run`,
      folder = await RunFolder.create({ out, name: "n", resume: false });
    for (let i = 0; i < 3; i++) {
      await using _ = await folder.lock();
      await Deno.stat(`${out}/.lock`);
    }
    await assert.rejects(Deno.stat(`${cwd}/new`), Deno.errors.NotFound);
    await Deno.mkdir(out, { recursive: true });
    {
      await using _ = await folder.lock();
    }
    assert.deepEqual(await Array.fromAsync(Deno.readDir(out)), [], "a folder that was there stays");
    await Deno.remove(`${cwd}/new`, { recursive: true });
    const { code } = await qtrain(["none.yaml", "--out", "new"], { cwd });
    assert.equal(code, 2);
    await assert.rejects(Deno.stat(`${cwd}/new`), Deno.errors.NotFound);
  });
});

Deno.test("whether a folder is locked is told without keeping a run from beginning", async () => {
  await inFolder({}, async (folder) => {
    assert.equal(await isLocked(folder), false);
    let stop = false;
    const ask = async () => {
      while (!stop) {
        await isLocked(folder);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const asking = [ask(), ask(), ask()];
    for (let i = 0; i < 50; i++) (await lockFolder(folder))[Symbol.dispose]();
    using _ = await lockFolder(folder);
    assert.equal(await isLocked(folder), true);
    stop = true;
    await Promise.all(asking);
  });
});
