/**
 * Who sets the ranges: the device gives the host's ranges to the bit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { Scheduler } from "../lib/quant/scheduler.ts";
import { inFolder, type Run, runOf, SHORT } from "./support/runs.ts";

const ignore = await requestAdapter() === null;
const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, ignore, fn });

/** Every rule that can run on either side, static and dynamic, and 200 steps of it. */
const MIXED: RecipeInput = {
  ...SHORT,
  quantize: {
    scheduler: "host",
    activations: { bits: 6 },
    layers: [
      { match: "norm1", activations: { estimator: "delayed-max", window: 5, margin: 1 } },
      { match: "norm2", activations: { estimator: "hindsight-guarded" } },
      { match: "norm3", activations: { estimator: "running-minmax" } },
      { match: "conv1", gradients: { estimator: "hindsight-guarded", symmetric: true } },
      { match: "conv2|pool", gradients: { estimator: "delayed-max" } },
      { match: "conv3", gradients: { estimator: "current-minmax" } },
      { match: "conv4", gradients: { estimator: "dsgc", interval: 50, scale_rate: true } },
      { match: "linear", gradients: { estimator: "fixed", range: [-0.1, 0.1] } },
    ],
  },
  train: { ...SHORT.train, epochs: 20 },
};

/** What each step said of each quantizer. */
const observed = ({ events }: Run) =>
  events.flatMap((event) => event.type === "step" ? [event.observations] : []);

test("the scheduler on the device gives the host's ranges over 200 steps, and the same weights", async () => {
  const host = await runOf(MIXED);
  const device = await runOf({ ...MIXED, quantize: { ...MIXED.quantize, scheduler: "device" } });
  assert.equal(host.losses.length, 200);
  assert.deepEqual(device.losses, host.losses);
  const tested = ({ events }: Run) =>
    events.flatMap((e) => e.type === "epoch" ? [[e.testLoss, e.testAccuracy, e.trainLoss]] : []);
  assert.deepEqual(tested(device), tested(host)); // Evaluation sees the same ranges.
  const [a, b] = [observed(host), observed(device)];
  assert.equal(host.end.summary.scheduler, "host");
  assert.equal(device.end.summary.scheduler, "device");
  for (const [step, observations] of a.entries()) {
    for (const [row, { quantizer, range }] of observations.entries()) {
      assert.deepEqual(b[step]![row]!.range, range, `${quantizer.name}, step ${step + 1}`);
    }
  }
  assert.deepEqual(device.end.state, host.end.state);
});

test("a run with its ranges on the device resumes to the same bits", async () => {
  const recipe: RecipeInput = {
    ...MIXED,
    quantize: { ...MIXED.quantize, scheduler: "device" },
    train: SHORT.train!,
  };
  const whole = await runOf(recipe);
  await inFolder(async (out) => {
    const part = await runOf(recipe, { out, stopAt: 4 });
    assert.equal(part.end.summary.status, "interrupted");
    const rest = await runOf(recipe, { out, resume: true });
    assert.deepEqual([...part.losses, ...rest.losses], whole.losses);
    assert.deepEqual(rest.end.state, whole.end.state);
  });
});

Deno.test("an estimator that keeps more than there is room for is refused", () => {
  const one = { kind: "static", memory: 33, next: () => ({ low: 0, high: 1 }) } as const;
  assert.throws(() => new Scheduler([], [one], false), {
    name: "UsageError",
    message: /may keep 32 values .* got one with 33/,
  });
});
