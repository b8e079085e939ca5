/**
 * `qtrain compare` through the whole program: interrupted, resumed, repeated.
 *
 * @module
 */
import { withFolder } from "./data_helpers.ts";
import assert from "node:assert/strict";
import { PLAIN } from "./support/image_folders.ts";
import { command, inFolder, PROGRAM, qtrain } from "./support/command.ts";

const RECIPE = "data: { format: glyphs, size: 12, train: 64, test: 32 }\n" +
  "model: { name: cnn, width: 4 }\ntrain: { epochs: 10, batch: 16, log_every: 2 }\n";
const TWO = "float32,hindsight-minmax";
const GRID = ["compare", "r.yaml", "--estimators", `${TWO},wild:train.lr=1e9`, "--seeds", "1,2"];

/** Time and digest of every file in a folder. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) Object.assign(found, await contents(path));
    else {
      const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
      const { mtime } = await Deno.stat(path);
      found[path] = `${mtime?.getTime()} ${new Uint8Array(digest).toHex()}`;
    }
  }
  return found;
}

Deno.test("an interrupted comparison resumes, keeps the runs that diverged, and finishes", {
  ignore: Deno.build.os === "windows",
}, async (t) => {
  await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const out = `${cwd}/runs/r-compare`;
    const report = async () => JSON.parse(await Deno.readTextFile(`${out}/compare.json`));
    const statuses = async () => (await report()).runs.map((run: { status: string }) => run.status);

    await t.step(
      "Ctrl-C in the second run saves a checkpoint and prints how to resume",
      async () => {
        const child = command(GRID, { cwd }).spawn();
        let text = "", signalled = false;
        for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
          text += chunk;
          if (
            signalled || !/run 2\/6: hindsight-minmax, seed 1\n[^]*epoch +1\/10 /.test(text)
          ) continue;
          signalled = true;
          child.kill("SIGINT");
        }
        assert.equal(await new Response(child.stdout).text(), "");
        assert.equal((await child.status).code, 130);
        assert.match(
          text,
          new RegExp(
            `interrupted; runs/r-compare/compare\\.html has the finished runs; resume with: ${
              RegExp.escape(PROGRAM)
            } compare r\\.yaml --estimators float32,hindsight-minmax,wild:train\\.lr=1e9 ` +
              "--seeds 1,2 --out runs/r-compare\\n$",
          ),
        );
        const rest = Array(4).fill("missing");
        assert.deepEqual(await statuses(), ["done", "unfinished", ...rest]);
      },
    );

    await t.step(
      "the same command resumes, and a run that diverges does not stop the others",
      async () => {
        const before = await contents(`${out}/runs/float32/seed-1`);
        const { code, stdout, stderr } = await qtrain(GRID, { cwd });
        assert.equal(code, 1);
        assert.match(
          stderr,
          /^run 1\/6: float32, seed 1 \| already done, test acc \d+\.\d\d%\nrun 2\/6: /,
        );
        assert.match(stderr, /run 2\/6: hindsight-minmax, seed 1\nresuming after step [1-9]/);
        assert.match(stderr, /run 3\/6: wild, seed 1\n[^]*diverged at step \d+: /);
        assert.match(stderr, /run 6\/6: wild, seed 2\n/);
        assert.match(stdout, /^estimator +test accuracy +gap to float32 +ms a step +memory +/);
        assert.match(stdout, /\nfloat32 +\d+\.\d\d% ± \d+\.\d\d +reference +\d+\.\d /);
        assert.match(stdout, /\nhindsight-minmax +\d+\.\d\d% ± .* \[[−+\d.]+, [−+\d.]+\] /);
        assert.match(stdout, /\nwild +diverged +– /);
        assert.match(stdout, /\nReport: runs\/r-compare\/compare\.html\n$/);
        const both = ["done", "done", "diverged"];
        assert.deepEqual(await statuses(), [...both, ...both]);
        assert.deepEqual(await contents(`${out}/runs/float32/seed-1`), before);
      },
    );

    await t.step("the same command again changes nothing, not even a file's time", async () => {
      const before = await contents(out);
      const { code, stdout, stderr } = await qtrain([...GRID, "--json"], { cwd });
      assert.deepEqual([code, stderr], [1, ""]);
      assert.equal(stdout, await Deno.readTextFile(`${out}/compare.json`));
      assert.deepEqual(await contents(out), before);
    });

    await t.step(
      "without the run that diverged it exits with 0 and leaves the runs alone",
      async () => {
        const before = await contents(`${out}/runs`);
        const { code, stdout, stderr } = await qtrain(
          ["compare", "r.yaml", "--estimators", TWO, "--seeds=1,2", "--quiet"],
          { cwd },
        );
        assert.deepEqual([code, stderr], [0, ""]);
        assert.doesNotMatch(stdout, /wild/);
        assert.deepEqual(await contents(`${out}/runs`), before);
      },
    );

    await t.step("runs of another recipe are rejected with the key that differs", async () => {
      const before = await contents(out);
      const { code, stdout, stderr } = await qtrain([...GRID, "train.batch=8"], { cwd });
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(
        stderr,
        /^runs\/r-compare\/runs\/float32\/seed-1: .*train\.batch was 16, is now 8/,
      );
      assert.deepEqual(await contents(out), before);
    });
  });
});

Deno.test("a comparison goes on with data that moved, and not with other data", async () => {
  const pets = Object.entries(PLAIN).map(([name, bytes]) => [`pets/${name}`, bytes]);
  const recipe = new TextEncoder().encode(
    "data: { format: folder, root: pets, size: 4, workers: 0 }\n" +
      "model: { layers: [global_avg_pool, { type: linear, features: 2 }] }\n" +
      "train: { epochs: 1, batch: 4 }\n",
  );
  await withFolder({ ...Object.fromEntries(pets), "r.yaml": recipe }, async (cwd) => {
    const compare = (seeds: string, ...more: string[]) => {
      const args = ["--estimators", "float32", "--seeds", seeds, "--device", "cpu", "--out", "all"];
      return qtrain(["compare", "r.yaml", ...args, ...more], { cwd });
    };
    const first = await compare("1");
    assert.equal(first.code, 0, first.stderr);
    await Deno.rename(`${cwd}/pets`, `${cwd}/animals`);
    const moved = await compare("1,2", "data.root=animals");
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(moved.stderr, /run 1\/2: float32, seed 1 \| already done/);
    await Deno.remove(`${cwd}/animals/red/3.png`);
    const other = await compare("1,2,3", "data.root=animals");
    assert.equal(other.code, 2);
    assert.match(
      other.stderr,
      /the run began with other data: .*3\.png is gone\. Restore the data/,
    );
  });
});
