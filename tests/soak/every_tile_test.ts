/**
 * Every tile in every way of dot products, on the adapter that there is: more of what tests/tiles_test.ts
 * does, for `deno task test:drivers`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { allSteps, type Program } from "../../lib/program/program.ts";
import type { RecipeInput } from "../../lib/recipe/recipe.ts";
import { requestAdapter } from "../../lib/runtime/gpu/device.ts";
import { CASES } from "../support/cases.ts";
import { filled } from "../support/fill.ts";
import { lockstepOf } from "../support/lockstep_all.ts";
import { inFolder, runOf } from "../support/runs.ts";
import {
  deviceWithTile,
  everyTile,
  programOfSteps,
  TARGETS,
  tiledSteps,
} from "../support/tiles.ts";

/** The most tiles that a step of a program has. */
const mostTiles = (program: Program) =>
  Math.max(...allSteps(program).map((step) => everyTile(step, TARGETS).length));

Deno.test("the adapter is the one that was asked for", async () => {
  const expected = Deno.env.get("QTRAIN_TEST_ADAPTER") ?? "";
  assert.match((await requestAdapter())!.info.description, new RegExp(expected, "i"));
});

for (const arithmetic of ["int8", "float32"] as const) {
  // Ragged edges and every stride; wide loads, residuals and several tiles; sums over many pixels.
  for (const test of [CASES[1]!, CASES[2]!, CASES[6]!]) {
    Deno.test(`every tile and dot product equals its reference: ${test.name} (${arithmetic})`, async () => {
      const { program, cpu } = await filled(test, arithmetic);
      for (let n = 0; n < mostTiles(program); n++) {
        const steps = tiledSteps(program, n, TARGETS);
        await lockstepOf(programOfSteps(program, steps), cpu, steps, "adapter");
      }
    });
  }
}

const RAGGED: RecipeInput = {
  seed: 3,
  data: { format: "glyphs", size: 13, train: 18, test: 10 },
  model: { name: "resnet8", width: 5 },
  train: { epochs: 1, batch: 6 },
};
const RECIPES = {
  "a small cnn": { ...RAGGED, model: { name: "cnn", width: 8 } },
  "a ragged resnet8": RAGGED,
} satisfies Record<string, RecipeInput>;

for (const [name, recipe] of Object.entries(RECIPES)) {
  for (const arithmetic of ["int8", "float32"] as const) {
    Deno.test(`${name} trains to the same checkpoint with every tile and dot product (${arithmetic})`, async () => {
      let first: Uint8Array | undefined, tiles = 1;
      for (let n = 0; n < tiles; n++) {
        const opened = await deviceWithTile(n, TARGETS);
        const watched = {
          ...opened,
          createExecutor: (program: Program) => {
            tiles = mostTiles(program);
            return opened.createExecutor(program);
          },
        };
        await inFolder(async (out) => {
          await runOf({ ...recipe, quantize: { arithmetic } }, { opened: watched, out });
          const last = await Deno.readFile(`${out}/checkpoints/step-00000003.safetensors`);
          first ??= last;
          assert.deepEqual(last, first, `tile ${n} of each kernel`);
        });
      }
      assert.ok(tiles > 1);
    });
  }
}
