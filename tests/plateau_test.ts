/**
 * The schedule `plateau`: PyTorch's numbers, and the same bits after an interruption.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { afterEvaluation, NO_PLATEAU, plateauRate } from "../lib/train/loop/plateau.ts";
import { copyKilledAt, inFolder, newestCheckpoint, runOf, SHORT } from "./support/runs.ts";

/** Test losses: a fall of less than 1e-4 of the lowest, one of just more, a NaN. */
// deno-fmt-ignore
const LOSSES = [
  2, 1.5, 1.49999, 1.4, 1.45, 1.40001, 1.39995, 1.39, 1.5, 1.5, NaN, 1.39, 1.3899, 1.2, 1.3, 1.3,
  1.3, 1.3, 1.3, 1.3, 1.3, 1.3,
];

/** What torch 1.13's `ReduceLROnPlateau(factor, patience, min_lr)` makes of 0.05 after each of them. */
// deno-fmt-ignore
const PYTORCH = [
  [{ factor: 0.5, wait_epochs: 2, min_lr: 0.01 }, [
    0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025, 0.0125, 0.0125, 0.0125, 0.0125,
    0.0125, 0.0125, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01,
  ]],
  [{ factor: 0.1, wait_epochs: 0, min_lr: 0 }, [
    0.05, 0.05, 5e-3, 5e-3, 5e-4, 5e-5, 5e-6, 5e-6, 5e-7, 5e-8, 5e-9, 5e-9, 5e-9, 5e-9, 5e-9, 5e-9,
    5e-9, 5e-9, 5e-9, 5e-9, 5e-9, 5e-9,
  ]],
  [{ factor: 0.1, wait_epochs: 1, min_lr: 0.002 }, [
    0.05, 0.05, 0.05, 0.05, 0.05, 0.005, 0.005, 0.005, 0.005, 0.002, 0.002, 0.002, 0.002, 0.002,
    0.002, 0.002, 0.002, 0.002, 0.002, 0.002, 0.002, 0.002,
  ]],
] as const;

Deno.test("the learning rate drops after the epochs after which PyTorch's does", () => {
  for (const [schedule, expected] of PYTORCH) {
    let state = NO_PLATEAU;
    LOSSES.forEach((loss, i) => {
      state = afterEvaluation(state, loss, 0.05, schedule);
      const rate = plateauRate(0.05, schedule, state.drops), off = rate / expected[i]! - 1;
      assert.ok(Math.abs(off) < 1e-12, `epoch ${i + 1}: ${rate}, expected ${expected[i]}`);
    });
  }
});

Deno.test("a lowest learning rate above the first one changes nothing", () => {
  const schedule = { factor: 0.1, wait_epochs: 0, min_lr: 1 };
  let state = NO_PLATEAU;
  for (const loss of [1, 2, 3]) state = afterEvaluation(state, loss, 0.05, schedule);
  assert.equal(plateauRate(0.05, schedule, state.drops), 0.05);
});

/** Ten steps an epoch that change so little that the test loss seldom falls by 1e-4 of it. */
const RECIPE: RecipeInput = {
  ...SHORT,
  quantize: { scheduler: "host" },
  train: {
    ...SHORT.train,
    epochs: 4,
    keep_checkpoints: 9,
    optimizer: { lr: 1e-5 },
    schedule: { name: "plateau", warmup_steps: 14, factor: 0.5, wait_epochs: 0 },
  },
};

Deno.test("a run follows its test loss after the warm-up, and goes on with the same bytes", async () => {
  await inFolder(async (out) => {
    const cpu = { device: "cpu", out } as const;
    const { events } = await runOf(RECIPE, cpu), whole = await newestCheckpoint(out);
    const rates = events.flatMap((event) => event.type === "step" ? [event.learningRate] : []);
    const losses = events.flatMap((event) => event.type === "epoch" ? [event.testLoss] : []);
    const schedule = { factor: 0.5, wait_epochs: 0, min_lr: 0 };
    let state = NO_PLATEAU;
    rates.forEach((rate, step) => {
      // The evaluation within the warm-up, after ten steps, does not count.
      if (step >= 20 && step % 10 === 0) {
        state = afterEvaluation(state, losses[step / 10 - 1]!, 1e-5, schedule);
      }
      const expected = step < 14 ? 1e-5 * (step + 1) / 14 : 1e-5 * 0.5 ** state.drops;
      assert.equal(rate, expected, `step ${step + 1}`);
    });
    assert.ok(state.drops > 0, "it drops");
    await runOf(RECIPE, { ...cpu, out: `${out}-stopped`, stopAt: 25 });
    await runOf(RECIPE, { ...cpu, out: `${out}-stopped`, resume: true });
    assert.deepEqual(await newestCheckpoint(`${out}-stopped`), whole);
    for (const step of [10, 20, 30]) {
      await copyKilledAt(out, `${out}-${step}`, step);
      await runOf(RECIPE, { ...cpu, out: `${out}-${step}`, resume: true });
      assert.deepEqual(await newestCheckpoint(`${out}-${step}`), whole, `killed after ${step}`);
    }
  });
});
