/**
 * An estimator of one's own, static or dynamic, in a program of a few lines.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Estimator, RunFolder, train } from "../mod.ts";
import { inFolder, SHORT } from "./support/runs.ts";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";

const device = await requestAdapter() === null ? "cpu" : "gpu";

/** The widest range ever seen. */
const widest = (kind: Estimator["kind"]) => (): Estimator => ({
  kind,
  next: (range, seen) => ({
    low: Math.min(range?.low ?? 0, seen.min),
    high: Math.max(range?.high ?? 0, seen.max),
  }),
});

const recipe = {
  ...SHORT,
  quantize: {
    activations: { estimator: "widest" },
    layers: [{ match: "norm1|norm2", gradients: { estimator: "widest-now" } }],
  },
  train: { ...SHORT.train, max_steps: 4 },
};
const estimators = { "widest": widest("static"), "widest-now": widest("dynamic") };

Deno.test("a static and a dynamic estimator of one's own set the ranges", async () => {
  const before = new Map<string, [number, number]>();
  let steps = 0;
  for await (const event of train(recipe, { device, estimators })) {
    if (event.type !== "step") continue;
    steps++;
    for (const { quantizer: q, range, min, max, clipped } of event.observations) {
      const [low, high] = before.get(q.name) ?? [0, 0];
      if (q.settings.estimator === "widest" && before.has(q.name)) {
        assert.deepEqual([range!.low, range!.high], [low, high], `${q.name}, step ${steps}`);
        before.set(q.name, [Math.min(low, min!), Math.max(high, max!)]);
      } else if (q.settings.estimator === "widest") {
        before.set(q.name, [Math.min(range!.low, min!), Math.max(range!.high, max!)]);
      }
      if (q.settings.estimator === "widest-now") {
        assert.ok(range!.low <= min! && range!.high >= max!, `${q.name} holds its own tensor`);
        assert.ok(clipped <= 0.01 * q.elements); // Stochastic rounding at the ends.
      }
    }
  }
  assert.equal(steps, 4);
  assert.ok(before.size > 5);
});

Deno.test("a run with an estimator of one's own resumes to the same bits", async () => {
  const run = async (options: Parameters<typeof train>[1], max_steps: number) => {
    const events = [];
    const one = { ...recipe, train: { ...recipe.train, max_steps } };
    for await (const event of train(one, { device, estimators, ...options })) events.push(event);
    const end = events.at(-1)!;
    assert.ok(end.type === "end");
    return end.state;
  };
  const whole = await run({}, 4);
  await inFolder(async (out) => {
    const stop = new AbortController();
    const folder = await RunFolder.create({ out, name: "run", resume: false });
    for await (const event of train(recipe, { device, estimators, folder, signal: stop.signal })) {
      if (event.type === "step" && event.step === 2) stop.abort();
    }
    assert.deepEqual(await run({ folder, resume: true }, 4), whole);
  });
});

Deno.test("a rule that the device does not know cannot be asked to run there", async () => {
  const one = { ...recipe, quantize: { ...recipe.quantize, scheduler: "device" as const } };
  await assert.rejects(async () => {
    for await (const _ of train(one, { device, estimators }));
  }, { name: "UsageError", message: /quantize\.scheduler: .*widest.*host or auto/ });
});

Deno.test("a name that nobody gave a rule for is refused with the names that there are", async () => {
  await assert.rejects(async () => {
    for await (const _ of train(recipe, { device }));
  }, { name: "RecipeError", message: /estimator: expected one of hindsight-minmax, .*, none/ });
});
