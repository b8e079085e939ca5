import "./support/isolate.ts";
import assert from "node:assert/strict";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { DataError, UsageError } from "../lib/core/errors.ts";

/** Runs a test in a folder of its own. */
function inFolder(name: string, test: (dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const dir = await Deno.makeTempDir();
    try {
      await test(dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map((entry) => entry.name).sort();
}

const at = (path: string, step: number): string =>
  `${path}/checkpoints/step-${String(step).padStart(8, "0")}.safetensors`;
const ONE = new Uint8Array([1]);

inFolder("writeAtomic() replaces a file and leaves nothing beside it", async (dir) => {
  await writeAtomic(`${dir}/a`, "old and longer");
  await writeAtomic(`${dir}/a`, new Uint8Array([0x6e, 0x65, 0x77]));
  assert.equal(await Deno.readTextFile(`${dir}/a`), "new");
  assert.deepEqual(await names(dir), ["a"]);
});

inFolder("writeAtomic() names the place and the remedy, and leaves no .part", async (dir) => {
  await Deno.mkdir(`${dir}/folder/full`, { recursive: true });
  await writeAtomic(`${dir}/file`, "kept");
  const failing: [path: string, says: RegExp][] = [
    [
      `${dir}/none/a`,
      /none\/a: cannot write: the folder does not exist; create it or choose another place/,
    ],
    [
      `${dir}/file/a`,
      /file\/a: cannot write: a part of the path is a file, not a folder; choose another place$/,
    ],
    [`${dir}/folder`, /folder: cannot write: it is a folder; give the path of a file/],
    [`${dir}/${"x".repeat(300)}`, /the name is too long/],
  ];
  for (const [path, message] of failing) {
    await assert.rejects(writeAtomic(path, "x"), { name: "UsageError", message });
  }
  assert.deepEqual(await names(dir), ["file", "folder"]);
  assert.equal(await Deno.readTextFile(`${dir}/file`), "kept");
});

Deno.test({
  name: "writeAtomic() says when the disk is full, and writes to a device in place",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await assert.rejects(writeAtomic("/dev/full", "x"), {
      name: "SystemError",
      message: "/dev/full: cannot write: no space left on the disk; " +
        "free some or choose another place",
    });
    await writeAtomic("/dev/null", "x");
    assert((await Deno.stat("/dev/null")).isCharDevice);
  },
});

Deno.test({
  name: "writeAtomic() writes what a link points to",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const dir = await Deno.makeTempDir();
    await writeAtomic(`${dir}/real`, "old");
    await Deno.symlink("real", `${dir}/link`);
    await writeAtomic(`${dir}/link`, "new");
    assert.equal(await Deno.readTextFile(`${dir}/real`), "new");
    assert((await Deno.lstat(`${dir}/link`)).isSymlink);
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  name: "writeAtomic() that fails half-way leaves the old file and no .part",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const dir = await Deno.makeTempDir();
    await writeAtomic(`${dir}/a`, "old");
    await Deno.symlink("/dev/full", `${dir}/a.part`); // a disk that fills up while it writes
    await assert.rejects(writeAtomic(`${dir}/a`, "new"), { message: /a: cannot write: no space/ });
    assert.equal(await Deno.readTextFile(`${dir}/a`), "old");
    assert.deepEqual(await names(dir), ["a"]);
    await Deno.remove(dir, { recursive: true });
  },
});

/** Chooses the folder of a run and makes it. */
async function made(options: Parameters<typeof RunFolder.create>[0]): Promise<RunFolder> {
  const run = await RunFolder.create(options);
  await run.make();
  return run;
}

inFolder("a run's default folder is numbered upwards", async (dir) => {
  const options = { name: "cnn", resume: false, root: `${dir}/runs` };
  for (const expected of ["cnn", "cnn-2", "cnn-3"]) {
    assert.equal((await made(options)).path, `${dir}/runs/${expected}`);
  }
  await Deno.remove(`${dir}/runs/cnn-2`, { recursive: true });
  await Deno.mkdir(`${dir}/runs/cnn-10`);
  await Deno.mkdir(`${dir}/runs/cnn-wide-77`);
  assert.equal((await made(options)).path, `${dir}/runs/cnn-11`);
});

inFolder("RunFolder.create() writes nothing", async (dir) => {
  await RunFolder.create({ name: "cnn", resume: false, root: `${dir}/runs` });
  await RunFolder.create({ name: "cnn", resume: false, out: `${dir}/out` });
  assert.deepEqual(await names(dir), []);
});

inFolder("two runs that start at once get two folders", async (dir) => {
  const options = { name: "a", resume: false, root: `${dir}/runs` };
  const both = await Promise.all([made(options), made(options)]);
  assert.deepEqual(both.map((run) => run.path).sort(), [`${dir}/runs/a`, `${dir}/runs/a-2`]);
});

inFolder("RunFolder.create() resumes the newest run of the name", async (dir) => {
  const root = `${dir}/runs`;
  for (let k = 1; k <= 10; k++) {
    await (await made({ name: "a", resume: false, root })).writeRecipe("name: a\n");
  }
  await Deno.mkdir(`${root}/a-11`); // a start that failed before it wrote anything
  assert.equal((await RunFolder.create({ name: "a", resume: true, root })).path, `${root}/a-10`);
  // None of this name yet: afresh.
  assert.equal((await RunFolder.create({ name: "b", resume: true, root })).path, `${root}/b`);
});

inFolder("RunFolder.create() keeps a recipe's name inside the root", async (dir) => {
  for (
    const [name, folder] of [["../../x", "x"], ["a/b c", "a-b-c"], ["..", "run"], ["ä.1", "ä.1"]]
  ) {
    const run = await RunFolder.create({ name: name!, resume: false, root: dir });
    assert.equal(run.path, `${dir}/${folder}`);
  }
});

inFolder("RunFolder.create() refuses a given folder with a run, unless resumed", async (dir) => {
  const out = `${dir}/deep/out`;
  const create = (resume: boolean) => RunFolder.create({ out, name: "n", resume });
  await (await create(false)).make();
  await (await create(false)).make(); // what a failed start leaves behind is no run
  for (
    const [file, sign] of [
      ["recipe.yaml", "recipe.yaml"],
      ["metrics.jsonl", "metrics.jsonl"],
      ["checkpoints/step-00000001.safetensors", "checkpoints/"],
    ]
  ) {
    await Deno.writeTextFile(`${out}/${file}`, "");
    await assert.rejects(create(false), {
      name: "UsageError",
      message: `${out}: expected a folder without a run, got one with ${sign}. ` +
        "Add --resume to continue that run, or choose another --out",
    });
    assert.equal((await create(true)).path, out);
    await Deno.remove(`${out}/${file}`);
  }
});

inFolder("RunFolder.create() takes a given folder with unrelated files", async (dir) => {
  await Deno.writeTextFile(`${dir}/notes.txt`, "mine");
  const run = await RunFolder.create({ out: dir, name: "n", resume: false });
  await run.writeRecipe("name: n\n");
  assert.equal(await run.readRecipe(), "name: n\n");
  assert.equal(await Deno.readTextFile(`${dir}/notes.txt`), "mine");
});

inFolder("RunFolder.create() refuses a file as folder in one line", async (dir) => {
  await Deno.writeTextFile(`${dir}/file`, "");
  await assert.rejects(
    RunFolder.create({ out: `${dir}/file`, name: "n", resume: false }),
    (error: unknown) => error instanceof UsageError && !error.message.includes("\n"),
  );
});

inFolder("RunFolder.open() refuses a folder without a run", async (dir) => {
  await assert.rejects(RunFolder.open(dir), DataError);
  await assert.rejects(RunFolder.open(`${dir}/none`), DataError);
  await (await RunFolder.create({ out: dir, name: "n", resume: false })).writeRecipe("");
  assert.equal((await RunFolder.open(dir)).path, dir);
});

inFolder("logs are appended when flushed, one JSON object a line", async (dir) => {
  const run = await RunFolder.create({ out: dir, name: "n", resume: false });
  const first = { step: 1, loss: 2.5 };
  run.appendMetrics(first);
  assert(!(await names(dir)).includes("metrics.jsonl"));
  await run.flush();
  const second = { step: 2, loss: NaN };
  run.appendMetrics(second);
  const range = { step: 2, quantizer: "conv1.y", lo: -1, hi: 1 };
  run.appendRanges(range);
  await run.flush();
  await run.flush();
  const lines = '{"step":1,"loss":2.5}\n{"step":2,"loss":null}\n';
  assert.equal(await Deno.readTextFile(`${dir}/metrics.jsonl`), lines);
  const ranges = '{"step":2,"quantizer":"conv1.y","lo":-1,"hi":1}\n';
  assert.equal(await Deno.readTextFile(`${dir}/ranges.jsonl`), ranges);
});

inFolder(
  "writeLines() writes at most once a second, and leaves what it cannot write",
  async (dir) => {
    const run = await RunFolder.create({ out: `${dir}/run`, name: "n", resume: false });
    run.appendMetrics({ step: 1 });
    await run.writeLines(); // There is no folder yet.
    await run.make();
    run.appendMetrics({ step: 2 });
    await run.writeLines();
    assert(!(await names(`${dir}/run`)).includes("metrics.jsonl"), "the second is not over");
    await new Promise((resolve) => setTimeout(resolve, 1050));
    await run.writeLines();
    const log = () => Deno.readTextFile(`${dir}/run/metrics.jsonl`);
    assert.equal(await log(), '{"step":1}\n{"step":2}\n');
    run.appendMetrics({ step: 3 });
    await run.writeLines();
    assert.equal(await log(), '{"step":1}\n{"step":2}\n');
    await run.flush();
    assert.equal(await log(), '{"step":1}\n{"step":2}\n{"step":3}\n');
  },
);

inFolder("truncateLogs() drops later steps and the torn last line", async (dir) => {
  const run = await RunFolder.create({ out: dir, name: "n", resume: false });
  const log = '{"step":1}\n{"step":2,"epoch":1}\n{"step":2}\n{"step":3}\n{"step":2,"lo';
  await Deno.writeTextFile(`${dir}/metrics.jsonl`, log);
  await Deno.writeTextFile(`${dir}/ranges.jsonl`, '{"step":1}\n{"step":');
  await run.truncateLogs(2);
  const kept = '{"step":1}\n{"step":2,"epoch":1}\n{"step":2}\n';
  assert.equal(await Deno.readTextFile(`${dir}/metrics.jsonl`), kept);
  assert.equal(await Deno.readTextFile(`${dir}/ranges.jsonl`), '{"step":1}\n');
  await run.truncateLogs(0);
  assert.equal(await Deno.readTextFile(`${dir}/metrics.jsonl`), "");
});

inFolder("truncateLogs() needs no logs", async (dir) => {
  const run = await made({ out: dir, name: "n", resume: true });
  await run.truncateLogs(5);
  assert.deepEqual(await names(dir), ["checkpoints"]);
});

inFolder("the summary comes back, and a damaged one is named", async (dir) => {
  const run = await RunFolder.create({ out: dir, name: "n", resume: false });
  assert.equal(await run.readSummary(), undefined);
  await run.writeSummary({ status: "done", test_accuracy: 0.97 });
  assert.deepEqual(await run.readSummary(), { status: "done", test_accuracy: 0.97 });
  for (const damaged of ["{", "[]", "null"]) {
    await Deno.writeTextFile(`${dir}/summary.json`, damaged);
    await assert.rejects(run.readSummary(), {
      name: "DataError",
      message: /summary\.json: expected a JSON object, got .+\. Delete it/,
    });
  }
});

inFolder("writeCheckpoint() keeps the newest and lists them newest first", async (dir) => {
  const run = await RunFolder.create({ out: dir, name: "n", resume: false });
  assert.deepEqual(await run.checkpoints(), []);
  for (const step of [0, 90, 100, 1000, 123456789]) await run.writeCheckpoint(step, ONE);
  const expected = [123456789, 1000, 100].map((step) => ({ step, path: at(dir, step) }));
  assert.deepEqual(await run.checkpoints(), expected);
  assert.equal(await run.writeCheckpoint(123456790, ONE, 1), at(dir, 123456790));
  assert.deepEqual(await names(`${dir}/checkpoints`), ["step-123456790.safetensors"]);
});

inFolder("checkpoints() passes over half-written and foreign files", async (dir) => {
  const run = await RunFolder.create({ out: dir, name: "n", resume: false });
  await run.writeCheckpoint(5, ONE);
  await Deno.writeTextFile(`${at(dir, 7)}.part`, "half");
  await Deno.writeTextFile(`${dir}/checkpoints/best.safetensors`, "mine");
  assert.deepEqual((await run.checkpoints()).map((c) => c.step), [5]);
  await run.writeCheckpoint(6, ONE);
  assert.deepEqual(await names(`${dir}/checkpoints`), [
    "best.safetensors",
    "step-00000005.safetensors",
    "step-00000006.safetensors",
  ]);
});

inFolder("writeCheckpoint() removes those of a later past, never its own", async (dir) => {
  const run = await RunFolder.create({ out: dir, name: "n", resume: true });
  for (const step of [300, 400, 500]) await run.writeCheckpoint(step, ONE);
  await run.writeCheckpoint(350, ONE);
  assert.deepEqual((await run.checkpoints()).map((c) => c.step), [350, 300]);
});

inFolder("a checkpoint that cannot be written leaves the old ones", async (dir) => {
  const run = await RunFolder.create({ out: dir, name: "n", resume: false });
  for (const step of [1, 2, 3]) await run.writeCheckpoint(step, ONE);
  await Deno.mkdir(at(dir, 4)); // stands in the way of the rename
  await assert.rejects(run.writeCheckpoint(4, ONE), UsageError);
  for (const step of [1, 2, 3]) assert.deepEqual(await Deno.readFile(at(dir, step)), ONE);
  assert(!(await names(`${dir}/checkpoints`)).some((name) => name.endsWith(".part")));
});
