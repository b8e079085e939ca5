/**
 * A disk that fills up, or that cannot be written, under a run: what was there before still loads, and
 * the message has the place, the cause and the remedy.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SystemError } from "../lib/core/errors.ts";
import { openDevice } from "../lib/runtime/device.ts";
import type { TrainEvent } from "../lib/train/events.ts";
import { latestCheckpoint } from "../lib/train/checkpoint/load.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { train } from "../lib/train/train.ts";
import { qtrain } from "./support/command.ts";
import { inFolder, SHORT } from "./support/runs.ts";

const RECIPE = { ...SHORT, train: { ...SHORT.train, epochs: 3, log_every: 1 } };
const FULL = /: cannot write: no space left on the disk; free some or choose another place$/;

/** Runs a command; whether it did what it should. */
async function did(command: string, ...args: string[]): Promise<boolean> {
  const options = { args, stdout: "null", stderr: "null" } as const;
  return await new Deno.Command(command, options).output().then(
    ({ success }) => success,
    () => false,
  );
}

/** Runs `body` with a disk of so many KiB; false where we may not mount one. */
async function withDisk(kib: number, body: (disk: string) => Promise<void>): Promise<boolean> {
  const disk = await Deno.makeTempDir();
  try {
    if (!await did("mount", "-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", disk)) return false;
    try {
      await body(disk);
    } finally {
      await did("umount", disk);
    }
    return true;
  } finally {
    await Deno.remove(disk, { recursive: true });
  }
}

const MAY_MOUNT = Deno.build.os === "linux" && await withDisk(64, () => Promise.resolve());

/** Writes a file until the disk has `left` bytes. */
async function fillUp(disk: string, left: number): Promise<void> {
  const path = `${disk}/filler`;
  using file = await Deno.open(path, { write: true, create: true });
  try {
    for (;;) await file.write(new Uint8Array(4096));
  } catch {
    await file.truncate(Math.max(0, (await file.stat()).size - left));
  }
}

/** Trains on the CPU; `after` is called with every event. */
async function run(
  out: string,
  { resume = false, after = () => {} }: {
    readonly resume?: boolean;
    readonly after?: (event: TrainEvent) => void | Promise<void>;
  } = {},
): Promise<Uint8Array> {
  const folder = await RunFolder.create({ out, name: "run", resume });
  const opened = await openDevice("cpu");
  for await (const event of train(RECIPE, { folder, resume, opened })) await after(event);
  return (await latestCheckpoint(folder))!.bytes;
}

let whole: Uint8Array | undefined;

/** The last checkpoint of a run that nothing disturbs. */
async function undisturbed(): Promise<Uint8Array> {
  if (!whole) await inFolder(async (out) => void (whole = await run(out)));
  return whole!;
}

/** What is written where the disk has so many bytes left: a checkpoint takes 26 kB, a log's lines 10. */
const LEFT = [0, 8192, 20480];
for (const left of LEFT) {
  Deno.test(`a disk that fills up to its last ${left} bytes costs no checkpoint`, {
    ignore: !MAY_MOUNT,
  }, async () => {
    await withDisk(1024, async (disk) => {
      const out = `${disk}/run`;
      let kept: string[] = [];
      const broken = run(out, {
        async after(event) {
          if (event.type !== "epoch" || event.epoch !== 1) return;
          kept = (await (await RunFolder.open(out)).checkpoints()).map(({ path }) => path);
          await fillUp(disk, left);
        },
      });
      await assert.rejects(broken, (error) => {
        assert.ok(error instanceof SystemError, `${error}`);
        assert.equal(error.exitCode, 1);
        assert.match(error.message, FULL);
        assert.ok(error.message.startsWith(out), error.message);
        return true;
      });
      const folder = await RunFolder.open(out), warnings: string[] = [];
      assert.deepEqual((await folder.checkpoints()).map(({ path }) => path), kept);
      assert.equal(
        (await latestCheckpoint(folder, (t) => warnings.push(t)))!.trainerState.step,
        10,
      );
      assert.deepEqual(warnings, []);
      await Deno.remove(`${disk}/filler`);
      assert.deepEqual(await run(out, { resume: true }), await undisturbed());
    });
  });
}

Deno.test("the command line says that the disk is full in one line, with exit code 1", {
  ignore: !MAY_MOUNT,
}, async () => {
  await withDisk(48, async (disk) => {
    await Deno.writeTextFile(
      `${disk}/r.yaml`,
      "data: { format: glyphs, size: 12, train: 64, test: 16 }\nmodel: { name: cnn, width: 8 }\n" +
        "train: { epochs: 2, batch: 16 }\n",
    );
    const args = [`${disk}/r.yaml`, "--out", `${disk}/run`, "--device", "cpu", "--quiet"];
    const { code, stderr } = await qtrain(args);
    assert.equal(code, 1, stderr);
    assert.match(stderr.trimEnd(), FULL);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  });
});

Deno.test("a log that cannot be written ends the run, and its checkpoint stays", {
  ignore: Deno.build.os !== "linux",
}, () =>
  inFolder(async (out) => {
    const metrics = `${out}/metrics.jsonl`;
    await assert.rejects(
      run(out, {
        async after(event) {
          if (event.type !== "epoch" || event.epoch !== 1) return;
          await Deno.rename(metrics, `${metrics}.kept`);
          await Deno.symlink("/dev/full", metrics);
        },
      }),
      { name: "SystemError", message: `${metrics}${FULL.source.replaceAll(/[\\$]/g, "")}` },
    );
    await Deno.remove(metrics);
    await Deno.rename(`${metrics}.kept`, metrics);
    assert.deepEqual(await run(out, { resume: true }), await undisturbed());
  }));

Deno.test("a disk that may not be written is named before anything is trained", {
  ignore: !MAY_MOUNT,
}, async () => {
  await withDisk(64, async (disk) => {
    assert.ok(await did("mount", "-o", "remount,ro", disk));
    const recipe = ["train", "configs/quickstart.yaml", "--out", `${disk}/run`];
    const { code, stderr } = await qtrain(recipe);
    assert.equal(code, 2, stderr);
    assert.equal(
      stderr.trimEnd(),
      `${disk}/run/checkpoints: cannot write: the file system is read-only; choose another place`,
    );
  });
});

Deno.test("a table of runs that finds no room leaves the one before as it was", {
  ignore: !MAY_MOUNT,
}, async () => {
  await withDisk(1024, async (disk) => {
    const recipe = `${disk}/r.yaml`, out = `${disk}/grid`;
    await Deno.writeTextFile(
      recipe,
      "data: { format: glyphs, size: 12, train: 32, test: 16 }\nmodel: { name: cnn, width: 4 }\n" +
        "train: { epochs: 1, batch: 16 }\n",
    );
    const args = ["compare", recipe, "--estimators", "float32", "--device", "cpu", "--out", out];
    const made = await qtrain([...args, "--seeds", "1"]);
    assert.equal(made.code, 0, made.stderr);
    const before = await Deno.readTextFile(`${out}/compare.html`);
    await fillUp(disk, 4096);
    const refused = await qtrain([...args, "--seeds", "1,2"]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /no space left on the disk/);
    assert.equal(await Deno.readTextFile(`${out}/compare.html`), before);
  });
});

Deno.test("an export that finds no room leaves the one before as it was, and nothing beside it", {
  ignore: !MAY_MOUNT,
}, () =>
  inFolder(async (out) => {
    await run(out);
    await withDisk(1024, async (disk) => {
      const file = `${disk}/net.safetensors`, args = ["export", out, "--out", file];
      assert.equal((await qtrain(args)).code, 0);
      const before = await Deno.readFile(file);
      await fillUp(disk, 4096);
      const { code, stdout, stderr } = await qtrain(args);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.ok(stderr.startsWith(file), stderr);
      assert.match(stderr.trimEnd(), FULL);
      assert.equal(stderr.trimEnd().split("\n").length, 1);
      assert.deepEqual(await Deno.readFile(file), before);
      const names = [...Deno.readDirSync(disk)].map(({ name }) => name);
      assert.deepEqual(names.sort(), ["filler", "net.safetensors"]);
    });
  }));
