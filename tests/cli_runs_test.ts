/**
 * `qtrain runs`: what it tells of each run, whatever state its folder is in.
 *
 * @module
 */
import assert from "node:assert/strict";
import { differingFields, readDetails, recipeFields } from "../lib/view/run_details.ts";
import { type ListedRun, listRuns } from "../lib/view/run_list.ts";
import { formatRecipe, parseRecipe } from "../lib/recipe/load.ts";
import { withFolder } from "./data_helpers.ts";
import { qtrain } from "./support/command.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const lines = (...values: object[]) => values.map((v) => JSON.stringify(v) + "\n").join("");
const SUMMARY = JSON.stringify({
  status: "done",
  epochs: 2,
  steps: 20,
  test_accuracy: 0.5,
  best_test_accuracy: 0.75,
  seconds: 90,
  device: "cpu",
});
const STEP = { kind: "step", step: 20, epoch: 2 };
const EPOCHS = [
  { kind: "epoch", step: 10, epoch: 1, test_accuracy: 0.6 },
  { kind: "epoch", step: 20, epoch: 2, test_accuracy: 0.4 },
];
const RECIPE = "name: a\nseed: 1\ntrain:\n  epochs: 2\n";

type Listed = ListedRun & Awaited<ReturnType<typeof readDetails>>;

async function listed(files: Readonly<Record<string, string>>): Promise<Map<string, Listed>> {
  const runs = new Map<string, Listed>();
  const all = Object.entries(files).map(([name, text]) => [name, bytes(text)]);
  await withFolder(Object.fromEntries(all), async (folder) => {
    for (const run of (await listRuns(folder)).runs) {
      const { problem, ...details } = await readDetails(run.path);
      const problems = [run.problem, problem].filter((text) => text !== undefined).join("; ");
      runs.set(run.name, { ...run, ...details, ...(problems === "" ? {} : { problem: problems }) });
    }
  });
  return runs;
}

Deno.test("a run is listed with its status and figures, as far as its files tell", async () => {
  const runs = await listed({
    "done/recipe.yaml": RECIPE,
    "done/summary.json": SUMMARY,
    "done/metrics.jsonl": lines(...EPOCHS),
    "killed/recipe.yaml": RECIPE,
    "killed/metrics.jsonl": lines(...EPOCHS, STEP) + '{"kind":"st',
    "resumed/recipe.yaml": RECIPE,
    "resumed/summary.json": SUMMARY.replace("done", "interrupted"),
    "resumed/metrics.jsonl": lines(...EPOCHS, { ...STEP, step: 30, epoch: 3 }),
    "begun/recipe.yaml": RECIPE,
    "sweep/runs/x/recipe.yaml": RECIPE.replace("seed: 1", "seed: 2"),
  });
  const told = (name: string) => {
    const { status, epoch, step, accuracy, bestAccuracy, problem } = runs.get(name)!;
    assert.equal(problem, undefined, name);
    return [status, epoch, step, accuracy, bestAccuracy];
  };
  assert.deepEqual(told("done"), ["done", 2, 20, 0.4, 0.75]);
  assert.deepEqual(told("killed"), ["stopped", 2, 20, 0.4, 0.6]);
  assert.deepEqual(told("resumed"), ["stopped", 3, 30, 0.4, 0.75], "the best before counts");
  assert.deepEqual(told("begun"), ["stopped", null, null, null, null]);
  assert.equal(told("sweep/runs/x")[0], "stopped");
  assert.ok(runs.get("done")!.bytes > SUMMARY.length);
  assert.deepEqual(differingFields([...runs.values()]), ["seed"]);
});

Deno.test("damaged folders are listed with the problem", async () => {
  const runs = await listed({
    "a/recipe.yaml": RECIPE,
    "a/summary.json": '{"status":',
    "b/metrics.jsonl": "\0\0\0\0",
    "c/recipe.yaml/x": "",
    "d/recipe.yaml": "x".repeat(2 << 20),
    "e/recipe.yaml": RECIPE,
    "e/summary.json": '{"status":"lost","epochs":-1,"seconds":"x","best_test_accuracy":"7"}',
  });
  const problem = (name: string) => runs.get(name)!.problem;
  assert.match(problem("a")!, /^summary\.json: /);
  assert.equal(problem("b"), "recipe.yaml is missing");
  assert.match(problem("c")!, /recipe\.yaml: cannot read: it is a folder/);
  assert.equal(problem("d"), "recipe.yaml is too long to be one");
  assert.equal(runs.get("e")!.status, "stopped");
  assert.equal(runs.get("e")!.bestAccuracy, null);
});

Deno.test("the fields of a written recipe are read as a parser of YAML reads them", () => {
  const text = formatRecipe(parseRecipe(
    `name: "1e3"
data: { format: folder, root: "a: b # c", size: 8, classes: 2, augment: [flip, { crop: { padding: 2 } }] }
model:
  layers:
    - { type: conv2d, channels: 8, kernel: 3 }
    - relu
    - { type: residual, body: [{ type: conv2d, channels: 8, kernel: 3, padding: 1 }, batch_norm] }
    - global_avg_pool
    - { type: linear, features: 2 }
quantize: { layers: [{ match: "conv*", weights: { bits: 4 } }] }
`,
    "r.yaml",
  ));
  const fields = recipeFields(text);
  assert.equal(fields.get("data.root"), '"a: b # c"');
  assert.equal(fields.get("train.optimizer.lr"), "0.05");
  assert.match(fields.get("model.layers")!, /^- type: conv2d .*- type: linear/);
  assert.ok(
    ![...fields.keys()].some((path) => /type|body|match/.test(path)),
    `${[...fields.keys()]}`,
  );
});

Deno.test("qtrain runs prints what differs, and as JSON the values themselves", async () => {
  const files = {
    "one/recipe.yaml": bytes(RECIPE),
    "one/summary.json": bytes(SUMMARY),
    "<b>'🙂/recipe.yaml": bytes(RECIPE.replace("seed: 1", "seed: 2").replace("name: a", "name: b")),
  };
  await withFolder(files, async (cwd) => {
    const { code, stdout } = await qtrain(["runs", "."], { cwd });
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^run +status +epoch +best acc +time +device +size +changed +differs in\n/,
    );
    assert.match(stdout, /^one +done +2\/2 +75\.00% +1m 30s +cpu +\d+ B +\S+ ago +seed=1$/m);
    assert.match(stdout, /^<b>'🙂 +stopped +–\/2 .* seed=2$/m);
    const list = JSON.parse((await qtrain(["runs", ".", "--json"], { cwd })).stdout);
    assert.deepEqual(list.map(({ differs }: { differs: unknown }) => differs), [
      ...[{ seed: 1 }, { seed: 2 }].toSorted((a) => a.seed === list[0].differs.seed ? -1 : 1),
    ]);
    await Deno.writeTextFile(`${cwd}/one/summary.json`, "{");
    const damaged = (await qtrain(["runs", "."], { cwd })).stdout;
    assert.match(damaged, /^one +stopped \(!\)/m);
    assert.match(damaged, /^\(!\) one: summary\.json: .*$/m);
    assert.deepEqual(await qtrain(["runs", "none"], { cwd }), {
      code: 2,
      stdout: "",
      stderr: "none: cannot read: no such file; check the path\n",
    });
    assert.equal((await qtrain(["runs", "a", "b"], { cwd })).code, 2);
  });
});
