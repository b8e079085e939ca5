/**
 * The list of runs in a folder, from what is at the end of their logs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { lockFolder } from "../lib/core/folder_lock.ts";
import { listRuns } from "../lib/view/run_list.ts";
import { inFolder } from "./support/command.ts";

/** Makes the folder of a run by hand. */
async function makeRun(
  path: string,
  log: readonly object[],
  summary?: object | string,
): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(`${path}/recipe.yaml`, "name: n\n");
  const text = log.map((line) => JSON.stringify(line) + "\n").join("");
  await Deno.writeTextFile(`${path}/metrics.jsonl`, text);
  if (summary === undefined) return;
  const json = typeof summary === "string" ? summary : JSON.stringify(summary);
  await Deno.writeTextFile(`${path}/summary.json`, json);
}

const step = (step: number, epoch: number) => ({ kind: "step", step, epoch, loss: 1 / step });
const LOG = [
  step(10, 1),
  { kind: "epoch", step: 10, epoch: 1, train_loss: 1, test_accuracy: 0.5 },
  step(20, 2),
];
const SUMMARY = {
  steps: 25,
  test_accuracy: 0.75,
  best_test_accuracy: 0.8,
  seconds: 12,
  device: "cpu",
};

Deno.test("the status of a run is that of its summary, unless it goes on or went on after it", () =>
  inFolder({}, async (folder) => {
    for (const status of ["done", "interrupted", "diverged"]) {
      await makeRun(`${folder}/${status}`, LOG, { ...SUMMARY, status });
    }
    await makeRun(`${folder}/killed`, LOG);
    await makeRun(`${folder}/resumed-and-killed`, LOG, { ...SUMMARY, status: "done", steps: 15 });
    await makeRun(`${folder}/running`, LOG, { ...SUMMARY, status: "done", steps: 15 });
    await makeRun(`${folder}/before-its-first-step`, []);
    using _ = await lockFolder(`${folder}/running`);
    const { runs } = await listRuns(folder);
    assert.deepEqual(Object.fromEntries(runs.map(({ name, status }) => [name, status])), {
      done: "done",
      interrupted: "interrupted",
      diverged: "diverged",
      killed: "stopped",
      "resumed-and-killed": "stopped",
      running: "running",
      "before-its-first-step": "stopped",
    });
    const { changed, ...done } = runs.find(({ name }) => name === "done")!;
    assert.ok(Math.abs(changed - Date.now()) < 60_000);
    assert.deepEqual(done, {
      name: "done",
      path: `${folder}/done`,
      status: "done",
      accuracy: 0.5,
      bestAccuracy: 0.8,
      loss: 0.05,
      step: 20,
      epoch: 2,
      seconds: 12,
      device: "cpu",
    });
  }));

Deno.test("the last epoch is found before many lines, and damaged files are told of, not hidden", () =>
  inFolder({}, async (folder) => {
    const many = Array.from({ length: 3000 }, (_, i) => step(30 + i, 2));
    await makeRun(`${folder}/long`, [...LOG, ...many]);
    await makeRun(`${folder}/damaged`, LOG, "[1, 2");
    await Deno.writeTextFile(`${folder}/damaged/metrics.jsonl`, '\0\0\n{"kind":"st', {
      append: true,
    });
    const { runs } = await listRuns(folder);
    const [long, damaged] = ["long", "damaged"].map((n) => runs.find(({ name }) => name === n)!);
    assert.deepEqual([long!.accuracy, long!.step], [0.5, 3029]);
    assert.deepEqual([damaged!.status, damaged!.step], ["stopped", 20]);
    assert.match(damaged!.problem!, /^summary\.json: /);
  }));
