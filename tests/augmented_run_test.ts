/**
 * Runs whose images are augmented.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { HAS_GPU } from "./support/command.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const device = HAS_GPU ? "gpu" : "cpu";

function recipe(workers: number, more: Partial<RecipeInput["data"]> = {}): RecipeInput {
  const augment = ["flip", { crop: { padding: 2 } }, "color_jitter", {
    cutout: { size: 4 },
  }] as const;
  return { ...SHORT, data: { ...SHORT.data, augment, workers, ...more } };
}

Deno.test("a run is the same for any number of workers, and another without augmentation", async () => {
  const { losses, end, events } = await runOf(recipe(0), { device });
  const two = await runOf(recipe(2), { device });
  assert.deepEqual([two.losses, two.warnings], [losses, []]);
  assert.deepEqual(two.end.state.parameters, end.state.parameters);
  assert.notDeepEqual((await runOf(recipe(0, { augment: [] }), { device })).losses, losses);
  for (const event of events) {
    if (event.type !== "step") continue;
    assert.ok(event.dataWaitShare >= 0 && event.dataWaitShare <= 1);
  }
  assert.equal(typeof end.summary.data_wait_share, "number");
});

Deno.test("a resumed run sees the images that it would have seen, with other workers too", async () => {
  const { losses } = await runOf(recipe(0), { device });
  await inFolder(async (out) => {
    const begun = await runOf(recipe(1), { device, out, stopAt: 7 });
    assert.equal(begun.end.summary.status, "interrupted");
    const rest = await runOf(recipe(0), { device, out, resume: true });
    assert.deepEqual([...begun.losses, ...rest.losses], losses);
    const [line] = (await Deno.readTextFile(`${out}/metrics.jsonl`)).split("\n");
    assert.equal(typeof JSON.parse(line!).data_wait_share, "number");
  });
});

Deno.test("mixup mixes labels with the images, and the run is the same for any number of workers", async () => {
  const mixed = (workers: number, alpha = 1) =>
    runOf(recipe(workers, { augment: [{ mixup: { alpha } }] }), { device });
  const { losses } = await mixed(0);
  assert.deepEqual((await mixed(1)).losses, losses);
  // Nothing is mixed where alpha is tiny and the weights are all 0 or 1; half mixed, nobody is sure.
  const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
  assert.ok(mean(losses.slice(-4)) > mean((await mixed(0, 1e-6)).losses.slice(-4)));
});
