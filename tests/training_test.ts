/**
 * Training as a whole: it learns, it repeats itself, and it goes on where it stopped, to the bit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { inFolder, type Run, runOf, SHORT as DEFAULTS } from "./support/runs.ts";

const ignore = await requestAdapter() === null;
const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, ignore, fn });

/** With the scheduler on the host a run waits for every step, so it stops after the step that is asked. */
const SHORT: RecipeInput = { ...DEFAULTS, quantize: { scheduler: "host" } };
const FLOAT32: RecipeInput = {
  ...DEFAULTS,
  quantize: { arithmetic: "float32", scheduler: "host" },
};
const linear = (features: number) => ({ type: "linear", features }) as const;
const RECIPES = { int8: SHORT, float32: FLOAT32 } as const;

const runs = new Map<string, Promise<Run>>();
/** A run without a stop, on the GPU; made once. */
function whole(name: keyof typeof RECIPES): Promise<Run> {
  const made = runs.get(name) ?? runOf(RECIPES[name]);
  runs.set(name, made);
  return made;
}

/** Where runs stop: in the middle of an epoch, twice, and at an epoch's end. */
const STOPS = { int8: [[7, 14], [10]], float32: [[7]] };

for (const name of ["int8", "float32"] as const) {
  const recipe = RECIPES[name];
  test(`the same recipe twice gives the same weights, losses and ranges: ${name}`, async () => {
    const [a, b] = [await whole(name), await runOf(recipe)];
    assert.equal(a.losses.length, 20);
    assert.deepEqual(a.losses, b.losses);
    assert.deepEqual(a.end.state, b.end.state);
  });

  for (const stops of STOPS[name]) {
    test(`a run stopped after step ${stops.join(" and ")} goes on with the same bits: ${name}`, async () => {
      const expected = await whole(name);
      await inFolder(async (out) => {
        let losses: readonly number[] = [];
        for (const [i, stopAt] of stops.entries()) {
          const part = await runOf(recipe, { out, stopAt, resume: i > 0 });
          assert.equal(part.end.summary.status, "interrupted");
          assert.equal(part.end.summary.steps, stopAt);
          losses = [...losses, ...part.losses];
        }
        const rest = await runOf(recipe, { out, resume: true });
        assert.equal(rest.end.summary.status, "done");
        assert.deepEqual(rest.warnings, []);
        assert.deepEqual([...losses, ...rest.losses], expected.losses);
        assert.deepEqual(rest.end.state, expected.end.state);
        assert.deepEqual(figures(rest), figures(expected));
      });
    });
  }
}

/** What a summary says of the result. */
function figures({ end: { summary } }: Run) {
  const { train_loss, test_loss, test_accuracy, epochs, steps } = summary;
  return { train_loss, test_loss, test_accuracy, epochs, steps };
}

test("another seed gives other weights and another order", async () => {
  const other = await runOf({ ...SHORT, seed: 4, train: { ...SHORT.train, max_steps: 2 } });
  assert.notDeepEqual(other.losses, (await whole("int8")).losses.slice(0, 2));
});

test("a resume without a checkpoint starts afresh", async () => {
  const expected = await whole("int8");
  await inFolder(async (out) => {
    const run = await runOf(SHORT, { out, resume: true });
    assert.match(run.warnings.join(), /has no intact checkpoint: starting over/);
    assert.deepEqual(run.end.state, expected.end.state);
  });
});

test("a damaged checkpoint makes way for the one before, and the run ends the same", async () => {
  const expected = await whole("int8");
  await inFolder(async (out) => {
    await runOf(SHORT, { out, stopAt: 10 });
    await runOf(SHORT, { out, stopAt: 13, resume: true });
    const [newest, before] = await (await RunFolder.open(out)).checkpoints();
    assert.deepEqual([newest!.step, before!.step], [13, 10]);
    await Deno.truncate(newest!.path, (await Deno.stat(newest!.path)).size - 100);
    const run = await runOf(SHORT, { out, resume: true });
    assert.match(run.warnings.join(), /step-00000013\.safetensors.*trying the checkpoint before/);
    assert.equal(run.events[0]!.type === "start" && run.events[0]!.resumedFrom, 10);
    assert.deepEqual(run.end.state, expected.end.state);
  });
});

test("a finished run that is resumed takes no step and keeps its files", async () => {
  await inFolder(async (out) => {
    const first = await runOf(SHORT, { out });
    const read = async () => ({
      metrics: await Deno.readTextFile(`${out}/metrics.jsonl`),
      ranges: await Deno.readTextFile(`${out}/ranges.jsonl`),
      summary: await Deno.readTextFile(`${out}/summary.json`),
      checkpoints: await (await RunFolder.open(out)).checkpoints(),
    });
    const before = await read();
    const again = await runOf(SHORT, { out, resume: true });
    assert.deepEqual(again.losses, []);
    assert.deepEqual(again.end.state, first.end.state);
    assert.deepEqual(await read(), before);
  });
});

test("int8 learns: the loss of its last steps lies far below that of its first", async () => {
  const { losses, end } = await runOf({
    ...SHORT,
    data: { format: "glyphs", size: 12, train: 512, test: 40 },
    model: { name: "cnn", width: 8 },
    train: { epochs: 4, batch: 32, optimizer: { lr: 0.2 }, schedule: { name: "constant" } },
  });
  assert.equal(end.summary.status, "done");
  const mean = (part: readonly number[]) => part.reduce((a, b) => a + b, 0) / part.length;
  const [first, last] = [mean(losses.slice(0, 4)), mean(losses.slice(-8))];
  assert.ok(last < 0.65 * first, `from ${first} to ${last}`);
});

for (const name of ["int8", "float32"] as const) {
  test(`the CPU trains as the GPU does: ${name}`, async () => {
    const gpu = await whole(name), cpu = await runOf(RECIPES[name], { device: "cpu" });
    assert.equal(cpu.end.summary.device, "cpu");
    assert.ok(Math.abs(cpu.losses[0]! - gpu.losses[0]!) < 1e-5 * gpu.losses[0]!);
    // Later the last places of exp, or of sums, have moved some codes.
    const last = cpu.losses.at(-1)!;
    assert.ok(Math.abs(last - gpu.losses.at(-1)!) < 0.05 * last, `${last}, ${gpu.losses.at(-1)}`);
    assert.ok(last < cpu.losses[0]!);
  });
}

test("values that are not finite end a run as diverged, and say where", async () => {
  for (const arithmetic of ["int8", "float32"] as const) {
    const { end } = await runOf({
      ...SHORT,
      // No norm: it would scale everything back.
      model: { layers: [linear(8), "relu", linear(8), linear(10)] },
      quantize: { arithmetic },
      train: { ...SHORT.train, optimizer: { lr: 1e12 }, schedule: { name: "constant" } },
    });
    assert.equal(end.summary.status, "diverged");
    assert.match(end.summary.reason ?? "", /^step \d+: layer \S+, (quantizer|tensor) \S+: /);
  }
});
