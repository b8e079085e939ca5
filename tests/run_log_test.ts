/**
 * Following the folder of a run: what was appended, cut, rewritten, damaged, or is not there.
 *
 * @module
 */
import assert from "node:assert/strict";
import { lockFolder } from "../lib/core/folder_lock.ts";
import { RunLog } from "../lib/view/run_log.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const step = (step: number, loss: number | null = 1) =>
  JSON.stringify({ kind: "step", step, epoch: 1, loss, accuracy: 0.5, lr: 0.1, clipped: 0 }) + "\n";
const epoch = (epoch: number, step: number) =>
  JSON.stringify({ kind: "epoch", step, epoch, test_accuracy: 0.5, train_loss: 1 }) + "\n";

/** Runs `body` with a folder and functions that write its log of metrics. */
function inRun(
  body: (
    path: string,
    write: (text: string) => Promise<void>,
    append: (text: string) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  return inFolder(async (path) => {
    await Deno.mkdir(path);
    const metrics = `${path}/metrics.jsonl`;
    await body(
      path,
      (text) => Deno.writeTextFile(metrics, text),
      (text) => Deno.writeTextFile(metrics, text, { append: true }),
    );
  });
}

const stepsOf = ({ view }: RunLog) => view.steps.map(({ step }) => step);

Deno.test("a log reads what was appended, and a line when its end is there", () =>
  inRun(async (path, write, append) => {
    await write(step(10) + step(20).slice(0, 30));
    const log = await RunLog.open(path), before = log.view;
    assert.deepEqual(stepsOf(log), [10]);
    assert.equal(await log.refresh(), false);
    assert.equal(log.view, before, "the same view where nothing has changed");
    await append(step(20).slice(30) + epoch(1, 20));
    assert.equal(await log.refresh(), true);
    assert.deepEqual(stepsOf(log), [10, 20]);
    assert.equal(log.view.epochs.length, 1);
    assert.deepEqual(log.view.problems, []);
  }));

for (
  const [name, rewritten] of [
    ["is cut", step(10)],
    [
      "is cut and has grown beyond its length",
      step(10) + [11, 12, 13, 14].map((s) => step(s)).join(""),
    ],
    ["has as many bytes as before, but others", step(10) + step(21)],
  ] as const
) {
  Deno.test(`a log that ${name} is read anew`, () =>
    inRun(async (path, write) => {
      await write(step(10) + step(20));
      const log = await RunLog.open(path);
      await write(rewritten);
      assert.equal(await log.refresh(), true);
      assert.deepEqual(
        stepsOf(log),
        rewritten.trim().split("\n").map((line) => JSON.parse(line).step),
      );
    }));
}

Deno.test("a file that replaces the log, or none any more, is noticed", () =>
  inRun(async (path, write) => {
    await write(step(10) + step(20));
    const log = await RunLog.open(path);
    await Deno.writeTextFile(`${path}/other`, step(10) + step(20) + step(30));
    await Deno.rename(`${path}/other`, `${path}/metrics.jsonl`);
    await log.refresh();
    assert.deepEqual(stepsOf(log), [10, 20, 30]);
    await Deno.remove(`${path}/metrics.jsonl`);
    await log.refresh();
    assert.deepEqual(stepsOf(log), []);
  }));

Deno.test("damaged lines are left out and counted with their places", () =>
  inRun(async (path, write, append) => {
    await write(
      step(10) + "{torn\n" + '["list"]\n' + '{"kind":"step"}\n' + "\u0000\n" + step(20, null),
    );
    const log = await RunLog.open(path);
    assert.deepEqual(stepsOf(log), [10, 20]);
    assert.equal(log.view.steps[1]!.loss, null);
    assert.deepEqual(log.view.problems, [
      `${path}/metrics.jsonl: 4 damaged lines left out (line 2, 3, 4 and others)`,
    ]);
    await append(step(30));
    await log.refresh();
    assert.equal(log.view.problems.length, 1, "what was damaged stays said");
    await Deno.writeFile(`${path}/ranges.jsonl`, Uint8Array.of(0xff, 0xfe, 10));
    await Deno.writeTextFile(`${path}/summary.json`, "{");
    await Deno.writeTextFile(`${path}/evaluation.json`, "{}");
    await Deno.writeTextFile(`${path}/recipe.yaml`, "a: [");
    await log.refresh();
    assert.equal(log.view.problems.length, 5);
    assert.match(log.view.problems.join("\n"), /ranges\.jsonl: 1 damaged line left out \(line 1\)/);
  }));

Deno.test("two writers of one log are noticed; of each step the last line counts", () =>
  inRun(async (path, write) => {
    await write(step(10, 1) + step(20, 1) + step(10, 2) + step(30, 1) + step(20, 2));
    const { view } = await RunLog.open(path);
    assert.deepEqual(view.steps.map(({ step, loss }) => [step, loss]), [[10, 2], [20, 2], [30, 1]]);
    assert.match(view.problems[0]!, /as if two processes had written this folder/);
  }));

Deno.test("a long log is thinned evenly, and its last step is kept", () =>
  inRun(async (path, write) => {
    await write(Array.from({ length: 20_001 }, (_, i) => step(i + 1)).join(""));
    const steps = stepsOf(await RunLog.open(path));
    assert.ok(steps.length > 2000 && steps.length <= 4097, `${steps.length}`);
    assert.deepEqual([steps[0], steps.at(-1)], [1, 20_001]);
    const gaps = new Set(steps.slice(1, -1).map((step, i) => step - steps[i]!));
    assert.equal(gaps.size, 1);
  }));

Deno.test("a run's status is that of its summary, unless somebody writes it, or it went on", () =>
  inRun(async (path, write, append) => {
    await write(step(10));
    const log = await RunLog.open(path);
    assert.equal(log.view.status, "stopped");
    {
      using _ = await lockFolder(path);
      assert.equal(await log.refresh(), true);
      assert.equal(log.view.status, "running");
    }
    const summary = { status: "diverged", steps: 10, reason: "step 10: NaN" };
    await Deno.writeTextFile(`${path}/summary.json`, JSON.stringify(summary));
    await log.refresh();
    assert.deepEqual([log.view.status, log.view.reason], ["diverged", "step 10: NaN"]);
    await append(step(20)); // It was resumed after its summary, and killed.
    await log.refresh();
    assert.deepEqual([log.view.status, log.view.reason], ["stopped", undefined]);
  }));

Deno.test("a folder where nothing is yet has an empty log", () =>
  inFolder(async (path) => {
    const { view } = await RunLog.open(path);
    assert.deepEqual([view.steps, view.epochs, view.summary, view.status], [
      [],
      [],
      undefined,
      "stopped",
    ]);
    assert.equal(view.name, "run");
  }));

Deno.test("the log of a run has its steps, epochs, ranges, recipe and evaluation", () =>
  inFolder(async (out) => {
    const recipe = { ...SHORT, train: { ...SHORT.train, log_every: 3 } };
    const { end } = await runOf(recipe, { device: "cpu", out });
    const { view } = await RunLog.open(out);
    assert.equal(view.status, "done");
    assert.deepEqual(view.steps.map(({ step }) => step), [3, 6, 9, 12, 15, 18, 20]);
    assert.deepEqual(
      view.epochs.map(({ testAccuracy }) => testAccuracy).at(-1),
      end.summary.test_accuracy,
    );
    assert.equal(view.epochs.at(-1)!.testTop5, end.summary.test_top5);
    assert.equal(view.evaluation!.accuracy, end.summary.test_accuracy);
    assert.equal((view.recipe!.train as { epochs: number }).epochs, 2);
    assert.equal(view.quantizers.get("conv1.weight")!.points.length, 7);
  }));

Deno.test("a log that is a device has no lines, and is not read for ever", {
  ignore: Deno.build.os === "windows",
}, () =>
  inRun(async (path) => {
    await Deno.symlink("/dev/zero", `${path}/metrics.jsonl`);
    assert.deepEqual(stepsOf(await RunLog.open(path)), []);
  }));
