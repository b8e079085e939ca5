/**
 * `train.patience`: after which epoch a run ends, also when it was interrupted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseRecipe } from "../lib/recipe/load.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { decodeTrainerState } from "../lib/train/checkpoint/trainer_state.ts";
import { stopsEarly } from "../lib/train/loop/early_stop.ts";
import { statusText } from "../lib/view/report/summary.ts";
import { RunLog } from "../lib/view/run_log.ts";
import { copyKilledAt, inFolder, newestCheckpoint, runOf, SHORT } from "./support/runs.ts";
import { decodeSafetensors } from "../lib/core/safetensors.ts";

/** Ten steps an epoch that change so little that the accuracy of the second epoch stays the best. */
const patient = (patience: number, more: RecipeInput["train"] = {}): RecipeInput => ({
  ...SHORT,
  quantize: { scheduler: "host" },
  train: {
    ...SHORT.train,
    epochs: 8,
    keep_checkpoints: 9,
    optimizer: { lr: 1e-9 },
    patience,
    ...more,
  },
});
const cpu = (out: string) => ({ device: "cpu", out }) as const;

Deno.test("a run ends when so many epochs have passed since the best one", () => {
  const bests = [{ step: 10, testAccuracy: 0.1 }, { step: 30, testAccuracy: 0.2 }];
  const ends = (step: number, patience: number) => stopsEarly({ step, bests }, patience, 10);
  assert.deepEqual([30, 39, 40, 49, 50, 60].map((step) => ends(step, 2)), [
    false,
    false,
    false,
    false,
    true,
    true,
  ]);
  assert.equal(ends(1e6, 0), false, "0: never");
  assert.equal(stopsEarly({ step: 100, bests: [] }, 1, 10), false, "no evaluation yet");
  const unevaluated = { step: 50, bests, unevaluated: true } as const;
  assert.equal(stopsEarly({ step: 55, bests }, 1, 10), false, "within an epoch");
  assert.equal(stopsEarly(unevaluated, 1, 10), false, "before the evaluation");
  // A limit of steps has ended the run within its third epoch, and was raised then.
  const within = [{ step: 25, testAccuracy: 0.2 }];
  assert.equal(stopsEarly({ step: 30, bests: within }, 1, 10), false);
  assert.equal(stopsEarly({ step: 40, bests: within }, 1, 10), true);
});

Deno.test("a run ends early, says so, is finished, and goes on with more patience", async () => {
  await inFolder(async (out) => {
    const first = await runOf(patient(2), cpu(out));
    assert.deepEqual(first.end.summary.stopped_early, { epoch: 4, best_epoch: 2 });
    assert.deepEqual([first.end.summary.status, first.end.summary.steps], ["done", 40]);
    assert.match(
      statusText((await RunLog.open(out)).view),
      /40 steps, ended early after epoch 4: no higher test accuracy since epoch 2/,
    );
    const [summary, bytes] = [
      await Deno.readFile(`${out}/summary.json`),
      await newestCheckpoint(out),
    ];
    const again = await runOf(patient(2), { ...cpu(out), resume: true });
    assert.deepEqual(again.losses, [], "no step");
    assert.deepEqual(again.end.summary, first.end.summary);
    assert.deepEqual(await Deno.readFile(`${out}/summary.json`), summary);
    assert.deepEqual(await newestCheckpoint(out), bytes);
    const on = await runOf(patient(4), { ...cpu(out), resume: true });
    assert.deepEqual(on.warnings, ["resuming with train.patience=4 (was 2)"]);
    assert.deepEqual(on.end.summary.stopped_early, { epoch: 6, best_epoch: 2 });
    const whole = await runOf(patient(4), cpu(`${out}-whole`));
    assert.deepEqual(on.end.state, whole.end.state);
    assert.equal(on.end.summary.test_loss, whole.end.summary.test_loss);
    const never = await runOf(patient(0), { ...cpu(out), resume: true });
    assert.deepEqual([never.end.summary.steps, never.end.summary.stopped_early], [80, undefined]);
    const less = await runOf(patient(1), { ...cpu(`${out}-whole`), resume: true });
    assert.deepEqual([less.losses, less.end.summary.steps], [[], 60], "its patience is over");
  });
});

Deno.test("an interrupted or killed run ends after the same epoch, with the same bytes", async () => {
  await inFolder(async (out) => {
    await runOf(patient(2), cpu(out));
    const whole = await newestCheckpoint(out);
    const { metadata } = decodeSafetensors(whole, "");
    assert.doesNotMatch(metadata.position!, /plateau|time/);
    for (const stopAt of [7, 25]) {
      await runOf(patient(2), { ...cpu(`${out}-${stopAt}`), stopAt });
      await runOf(patient(2), { ...cpu(`${out}-${stopAt}`), resume: true });
      assert.deepEqual(await newestCheckpoint(`${out}-${stopAt}`), whole, `stopped at ${stopAt}`);
    }
    for (const step of [10, 20, 30, 40]) {
      const to = `${out}-killed-${step}`;
      await copyKilledAt(out, to, step);
      const { end } = await runOf(patient(2), { ...cpu(to), resume: true });
      assert.deepEqual(end.summary.stopped_early, { epoch: 4, best_epoch: 2 });
      assert.deepEqual(await newestCheckpoint(to), whole, `killed after ${step}`);
    }
  });
});

Deno.test("a run that comes to its last step has not ended early", async () => {
  const { end } = await runOf(patient(2, { max_steps: 40 }), { device: "cpu" });
  assert.deepEqual([end.summary.steps, end.summary.stopped_early], [40, undefined]);
  const short = await runOf(patient(1, { max_steps: 4 }), { device: "cpu" });
  assert.deepEqual([short.end.summary.steps, short.end.summary.stopped_early], [4, undefined]);
});

Deno.test("patience is a number of epochs", () => {
  const text = (value: string) =>
    `data: {format: glyphs}\nmodel: {name: cnn}\ntrain: {patience: ${value}}`;
  for (const value of ["-1", "1.5", "often"]) {
    assert.throws(() => parseRecipe(text(value), "r.yaml"), {
      name: "RecipeError",
      message: /train\.patience: expected a whole number of at least 0, got/,
    });
  }
});

Deno.test("a checkpoint whose plateau or time is damaged is refused", () => {
  const state = (more: unknown) =>
    JSON.stringify({ step: 1, epochLoss: 0, epochCorrect: 0, ...more as Record<string, unknown> });
  const plateau = { lowest: 0.5, waited: 1, drops: 2 };
  const plan = { step: 1, progress: 0.5, steps: 9, seconds: 3, stepSeconds: 0.1 };
  const time = { hours: 1, seconds: 4, evaluationSeconds: null, plan };
  const read = decodeTrainerState(state({ plateau, time }), "c");
  assert.deepEqual([read.plateau, read.time], [plateau, time]);
  for (
    const bad of [
      { plateau: null },
      { plateau: 3 },
      { plateau: { ...plateau, waited: -1 } },
      { plateau: { ...plateau, lowest: "0" } },
      { plateau: { lowest: 0.5, waited: 1 } },
      { time: null },
      { time: { ...time, seconds: -1 } },
      { time: { ...time, evaluationSeconds: "1" } },
      { time: { ...time, plan: undefined } },
      { time: { ...time, plan: { ...plan, progress: 1.5 } } },
      { time: { ...time, plan: { ...plan, steps: 1e300 } } },
      { time: { ...time, plan: { ...plan, stepSeconds: null } } },
    ]
  ) {
    assert.throws(() => decodeTrainerState(state(bad), "c"), {
      name: "DataError",
      message: /^c: expected the position of a run in the metadata, got/,
    }, JSON.stringify(bad));
  }
});

Deno.test("less patience on resume ends a run after the next evaluation, not within an epoch", async () => {
  await inFolder(async (out) => {
    await runOf(patient(0), { ...cpu(out), stopAt: 45 });
    const { end: { summary } } = await runOf(patient(1), { ...cpu(out), resume: true });
    assert.deepEqual([summary.status, summary.steps], ["done", 50]);
    assert.deepEqual(summary.stopped_early, { epoch: 5, best_epoch: 2 });
  });
});
