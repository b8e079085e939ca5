/**
 * `train.time`: how many steps fit the hours of a run, and the same bits after an interruption where
 * the clock is the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeSafetensors } from "../lib/core/safetensors.ts";
import { parseRecipe, resolveRecipe } from "../lib/recipe/load.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { decodeTrainerState, INITIAL_STATE } from "../lib/train/checkpoint/trainer_state.ts";
import { Course } from "../lib/train/loop/course.ts";
import { RunClock } from "../lib/train/loop/run_clock.ts";
import { TimeBudget } from "../lib/train/loop/time_budget.ts";
import { copyKilledAt, inFolder, newestCheckpoint, runOf, SHORT } from "./support/runs.ts";

Deno.test("a plan counts steps and evaluations, and spreads the rest of the schedule over the rest", () => {
  let seconds = 0;
  const clock = new RunClock(() => 1000 * seconds);
  // 100 s, of which 1 s is kept for the last files.
  const budget = new TimeBudget({
    hours: 100 / 3600,
    warmupSteps: 0,
    stepsPerEpoch: 10,
    testBatches: 6,
    maxSteps: 0,
    clock,
  });
  budget.restore(0, undefined);
  seconds = 5;
  budget.recordSteps(1); // Compiles, so it is not timed.
  assert.equal(budget.steps, Infinity);
  seconds = 6;
  budget.recordSteps(2);
  // 93 s are left for steps of 1 s and evaluations of 6 / 3 s: 77 steps and 8 evaluations.
  assert.deepEqual(budget.stretch, { step: 2, progress: 0, steps: 79, seconds: 6, stepSeconds: 1 });
  seconds = 18;
  budget.recordEvaluation(10, 4);
  // 81 s are left: five epochs of 14 s, then 7 steps and an evaluation.
  const plan = { step: 10, progress: 8 / 77, steps: 67, seconds: 18, stepSeconds: 1 };
  assert.deepEqual(budget.stretch, plan);
  assert.deepEqual(budget.state.plan, plan);
  seconds = 28;
  budget.recordSteps(20); // An eighth of the 82 s that were left has not passed.
  assert.equal(budget.steps, 67);
  seconds = 33;
  budget.recordSteps(21);
  // 11 steps in 15 s; a step is the mean of that and of 1 s. 66 s are left.
  const step = (1 + 15 / 11) / 2, left = budget.steps - 21;
  const cost = (steps: number) => steps * step + (Math.ceil((21 + steps) / 10) - 2) * 4;
  assert.ok(cost(left) <= 66 && cost(left + 1) > 66, `${left} steps`);
  const { progress } = budget.stretch, expected = 8 / 77 + (1 - 8 / 77) * 11 / 57;
  assert.ok(Math.abs(progress - expected) < 1e-12);
});

interface Machine {
  readonly hours: number;
  readonly stepsPerEpoch: number;
  /** Seconds of a step. */
  readonly step: (step: number) => number;
  readonly evaluation: number;
  readonly warmup?: number;
}

/** A run on a machine that is only a clock. */
function simulate({ hours, stepsPerEpoch, step: secondsOf, evaluation, warmup = 0 }: Machine) {
  let seconds = 0, step = 0;
  const { train } = resolveRecipe({
    data: { format: "glyphs" },
    model: { name: "cnn" },
    train: { time: hours, batch: 10, schedule: { warmup_steps: warmup } },
  });
  const clock = new RunClock(() => 1000 * seconds), testImages = 10 * stepsPerEpoch / 5;
  const course = new Course({ train, stepsPerEpoch, testImages, clock });
  const rates: number[] = [], ends: number[] = [];
  course.restore(INITIAL_STATE);
  const state = () => ({ ...INITIAL_STATE, step });
  while (!course.hasEnded(state())) {
    rates.push(course.learningRate(step));
    seconds += secondsOf(step++) + (step === 1 ? 2 : 0);
    course.recordSteps(step);
    if (!course.endsEpoch(step)) continue;
    seconds += evaluation;
    course.recordEvaluation(state(), 1, evaluation);
    ends.push(step);
  }
  return { seconds, rates, ends, steps: step };
}

const MACHINES: Readonly<Record<string, Machine & { readonly off: number }>> = {
  steady: { hours: 0.5, stepsPerEpoch: 900, step: () => 0.05, evaluation: 3, off: 0.005 },
  uneven: {
    hours: 0.2,
    stepsPerEpoch: 100,
    step: (n) => 0.05 + 0.2 * ((n * 7919) % 13 === 0 ? 1 : 0),
    evaluation: 1,
    off: 0.01,
  },
  "slower from the middle on": {
    hours: 0.5,
    stepsPerEpoch: 2000,
    step: (n) => n < 9000 ? 0.1 : 0.4,
    evaluation: 30,
    off: 0.03,
  },
  "less than an epoch": {
    hours: 1 / 6,
    stepsPerEpoch: 10_000,
    step: () => 0.25,
    evaluation: 150,
    off: 0.04,
  },
  "with a warm-up": {
    hours: 0.1,
    stepsPerEpoch: 50,
    step: () => 0.2,
    evaluation: 2,
    warmup: 200,
    off: 0.02,
  },
};

for (const [name, { off, ...machine }] of Object.entries(MACHINES)) {
  Deno.test(`a run takes its time, and the cosine comes down to 0: ${name}`, () => {
    const { seconds, rates, steps, ends } = simulate(machine), all = machine.hours * 3600;
    assert.ok(Math.abs(seconds / all - 1) < off, `${seconds} s of ${all}`);
    assert.equal(ends.at(-1), steps, "ends with an evaluation");
    assert.ok(rates.at(-1)! < 1e-3 * 0.05, `ends with ${rates.at(-1)}`);
    const { warmup = 0 } = machine;
    const rises = rates.filter((rate, n) => n > warmup && rate > rates[n - 1]!);
    assert.deepEqual(rises, [], "never rises again");
  });
}

/** So many seconds of steps of a second, with ten steps an epoch. */
const timed = (seconds: number, more: RecipeInput["train"] = {}): RecipeInput => ({
  ...SHORT,
  quantize: { scheduler: "host" },
  train: { ...SHORT.train, keep_checkpoints: 99, time: seconds / 3600, ...more },
});
const cpu = (out: string) => ({ device: "cpu", out, stepSeconds: 1 }) as const;

Deno.test("a run goes on with its plan, and ends in the same bytes on the same clock", async () => {
  await inFolder(async (out) => {
    const { events, end } = await runOf(timed(36), cpu(out)), whole = await newestCheckpoint(out);
    const { status, steps } = end.summary;
    assert.ok(status === "done" && steps >= 33 && steps <= 36, `${steps} steps`);
    const epochs = events.filter((event) => event.type === "epoch");
    assert.deepEqual(epochs.map(({ epoch, epochs }) => [epoch, epochs]).at(-1), [4, 4]);
    assert.equal(epochs.at(-1)!.step, steps, "the end of the run is evaluated");
    for (const stopAt of [2, 17]) {
      const to = `${out}-${stopAt}`;
      await runOf(timed(36), { ...cpu(to), stopAt });
      const rest = await runOf(timed(36), { ...cpu(to), resume: true });
      assert.deepEqual(rest.warnings, []);
      assert.deepEqual(await newestCheckpoint(to), whole, `stopped at ${stopAt}`);
    }
    for (const step of [10, 20, 30, steps]) {
      const to = `${out}-killed-${step}`;
      await copyKilledAt(out, to, step);
      await runOf(timed(36), { ...cpu(to), resume: true });
      assert.deepEqual(await newestCheckpoint(to), whole, `killed after ${step}`);
    }
    const again = await runOf(timed(36), { ...cpu(out), resume: true });
    assert.deepEqual([again.losses, again.end.summary], [[], end.summary], "it is finished");
  });
});

Deno.test("seconds count over interruptions, and more hours continue a finished run", async () => {
  await inFolder(async (out) => {
    const at = async () => {
      const { metadata } = decodeSafetensors(await newestCheckpoint(out), "");
      return decodeTrainerState(metadata.position!, "").time!;
    };
    await runOf(timed(20), { ...cpu(out), stopAt: 8 });
    assert.equal((await at()).seconds, 8);
    const done = await runOf(timed(20), { ...cpu(out), resume: true });
    const { steps } = done.end.summary;
    assert.ok(steps >= 17 && steps <= 20, `${steps} steps`);
    assert.equal((await at()).seconds, steps);
    const on = await runOf(timed(40), { ...cpu(out), resume: true });
    assert.match(on.warnings.join(), /^resuming with train\.time=0\.0\d+ \(was 0\.00\d+\)$/);
    assert.ok(on.end.summary.steps >= 36 && on.end.summary.steps <= 40);
    const rates = on.events.flatMap((event) => event.type === "step" ? [event.learningRate] : []);
    // Half of a run of this length is left.
    assert.ok(rates[0]! > 0.4 * 0.05 && rates[0]! < 0.65 * 0.05, `begins with ${rates[0]}`);
    assert.ok(rates.at(-1)! < 0.01 * 0.05);
  });
});

Deno.test("a run that has less time than a step takes one, and one within an epoch is evaluated", async () => {
  const one = await runOf(timed(0.001), { device: "cpu", stepSeconds: 1 });
  const end = ({ end: { summary: { status, steps, test_accuracy } } }: typeof one) =>
    [status, steps, typeof test_accuracy] as const;
  assert.deepEqual(end(one), ["done", 1, "number"]);
  const some = await runOf(timed(7), { device: "cpu", stepSeconds: 1 });
  const [status, steps, accuracy] = end(some);
  assert.deepEqual([status, accuracy], ["done", "number"]);
  assert.ok(steps >= 4 && steps <= 7, `${steps} steps`);
});

Deno.test("max_steps and patience end a run with time left", async () => {
  const few = await runOf(timed(1000, { max_steps: 12 }), { device: "cpu", stepSeconds: 1 });
  assert.deepEqual([few.end.summary.status, few.end.summary.steps], ["done", 12]);
  const rates = few.events.flatMap((event) => event.type === "step" ? [event.learningRate] : []);
  assert.ok(rates.at(-1)! < 0.1 * 0.05, "the schedule is fitted to max_steps");
  const idle = timed(1000, { patience: 1, optimizer: { lr: 1e-9 } });
  const { end } = await runOf(idle, { device: "cpu", stepSeconds: 1 });
  assert.ok(end.summary.stopped_early && end.summary.steps < 100);
});

Deno.test("time is a number of hours", () => {
  const text = (value: string) =>
    `data: {format: glyphs}\nmodel: {name: cnn}\ntrain: {time: ${value}}`;
  for (const value of ["-1", "1h", ".inf", ".nan", "10000", "[1]"]) {
    assert.throws(() => parseRecipe(text(value), "r.yaml"), {
      name: "RecipeError",
      message: /train\.time: expected a number of hours from 0 to 8760, got/,
    }, value);
  }
  assert.equal(parseRecipe(text("0"), "r.yaml").train.time, 0, "no limit");
  assert.equal(parseRecipe(text("0.25"), "r.yaml").train.time, 0.25);
});
