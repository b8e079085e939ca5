/**
 * `train.batch: auto`: the batch that suits the memory.
 *
 * @module
 */
import assert from "node:assert/strict";
import { buildGrid } from "../lib/compare/grid.ts";
import { withBatch } from "../lib/program/auto_batch.ts";
import { plan } from "../lib/program/plan.ts";
import { requiredBytes } from "../lib/program/memory/budget.ts";
import { parseRecipe, resolveRecipe } from "../lib/recipe/load.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const DATA = { shape: [16, 16, 3], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] } as const;

const recipeOf = (memory: number | string, train: RecipeInput["train"] = {}) =>
  resolveRecipe({
    data: { format: "cifar", root: "." },
    model: { name: "resnet8", width: 8 },
    memory,
    train: { batch: "auto", ...train },
  });
const batchOf = (memory: number | string, images?: number, train?: RecipeInput["train"]) =>
  withBatch(recipeOf(memory, train), DATA, images).train.batch;
/** What a batch takes in one piece. */
const bytesOf = (batch: number) => requiredBytes(plan(recipeOf(0, { batch }), DATA).program);

Deno.test("batch: auto is the largest size that fits the memory whole, and one byte less gives the next", () => {
  for (const [batch, smaller] of [[256, 192], [48, 32], [24, 16]] as const) {
    assert.equal(batchOf(bytesOf(batch)), batch);
    assert.equal(batchOf(bytesOf(batch) - 1), smaller);
  }
  assert.equal(batchOf("64GiB"), 256);
});

Deno.test("batch: auto is 64 without a limit, and leaves twenty steps to an epoch", () => {
  assert.equal(batchOf(0), 64);
  assert.equal(batchOf(0, 20 * 64), 64);
  assert.equal(batchOf(0, 20 * 64 - 1), 48);
  assert.equal(batchOf("64GiB", 2000), 96);
  assert.equal(batchOf(0, 100), 16);
  assert.equal(batchOf(0, 3), 3);
});

Deno.test("batch: auto is at least 16, which the plan then cuts, and a multiple of micro_batch", () => {
  const little = Math.floor(0.75 * bytesOf(16));
  const recipe = withBatch(recipeOf(little), DATA);
  assert.equal(recipe.train.batch, 16);
  assert.ok(plan(recipe, DATA).program.micros > 1);
  assert.equal(batchOf(0, undefined, { micro_batch: 12 }), 48);
  assert.equal(batchOf(bytesOf(24), undefined, { micro_batch: 16 }), 256);
  assert.equal(batchOf(0, undefined, { micro_batch: 5 }), 5);
  assert.throws(
    () => plan(withBatch(recipeOf(1000), DATA), DATA),
    /memory: the least that this network needs/,
  );
});

Deno.test("a run writes the batch that it chose, and resumes with it though the recipe says auto", async () => {
  const recipe: RecipeInput = { ...SHORT, train: { ...SHORT.train, batch: "auto", epochs: 2 } };
  const whole = await runOf(recipe, { device: "cpu" });
  await inFolder(async (out) => {
    const first = await runOf(recipe, { device: "cpu", out, stopAt: 3 });
    const written = parseRecipe(await Deno.readTextFile(`${out}/recipe.yaml`), "recipe.yaml");
    assert.ok(written.train.batch > 0);
    const rest = await runOf(recipe, { device: "cpu", out, resume: true });
    assert.deepEqual([...first.losses, ...rest.losses], whole.losses);
    assert.deepEqual(rest.end.state, whole.end.state);
    const other = written.train.batch + 1;
    await assert.rejects(
      runOf({ ...recipe, train: { ...recipe.train, batch: other } }, {
        device: "cpu",
        out,
        resume: true,
      }),
      /train\.batch was \d+, is now \d+/,
    );
  });
});

Deno.test("a comparison refuses batches that each run would choose for itself", () => {
  assert.throws(() => buildGrid(() => recipeOf(0), { estimators: "none", seeds: "1" }), {
    name: "UsageError",
    message: /^train\.batch: expected a number in a comparison, got auto/,
  });
});

Deno.test("a batch is auto or a number", () => {
  const text = "data: { format: glyphs }\nmodel: { name: cnn }\n";
  assert.equal(parseRecipe(text, "r.yaml", ["train.batch=auto"]).train.batch, 0);
  for (const wrong of ["-1", "1.5", "large", "65537"]) {
    assert.throws(
      () => parseRecipe(text, "r.yaml", [`train.batch=${wrong}`]),
      /train\.batch.*expected auto or a whole number from 1 to 65536/,
    );
  }
});
