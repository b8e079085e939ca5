/**
 * Every tile in every way of dot products, on the adapter that there is: more of what tests/tiles_test.ts
 * does, for `deno task test:drivers`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DOT, isOperand, type Target } from "../../kernels/define_kernel.ts";
import { allSteps, type Program } from "../../lib/program/program.ts";
import type { RecipeInput } from "../../lib/recipe/recipe.ts";
import type { TiledStep } from "../../lib/runtime/gpu/tile.ts";
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

/** Every shape of a tile with native dot products, and small and large tiles in the other ways. */
const SHAPES_AND_DOTS = TARGETS.filter(({ software, dots }) => software || dots[0] === DOT.native);

/** The most tiles that a step of a program has. */
const mostTiles = (program: Program, targets: readonly Target[]) =>
  Math.max(...allSteps(program).map((step) => everyTile(step, targets).length));

/** Returns whether a kernel has not had these compiled constants: a driver may take seconds for each shader. */
function isNew(seen: Set<string>, { kernel, constants, tile }: TiledStep): boolean {
  const compiled = Object.entries({ ...constants, ...tile.constants })
    .filter(([name]) => !isOperand(kernel, name));
  const id = `${kernel.name} ${compiled}`, found = seen.has(id);
  seen.add(id);
  return !found;
}

Deno.test("the adapter is the one that was asked for", async () => {
  const expected = Deno.env.get("QTRAIN_TEST_ADAPTER") ?? "";
  assert.match((await requestAdapter())!.info.description, new RegExp(expected, "i"));
});

for (const arithmetic of ["int8", "float32"] as const) {
  // Ragged edges and every stride; wide loads, residuals and several tiles; sums over many pixels.
  for (const test of [CASES[1]!, CASES[2]!, CASES[6]!]) {
    Deno.test(`every tile and dot product equals its reference: ${test.name} (${arithmetic})`, async () => {
      const { program, cpu } = await filled(test, arithmetic);
      // Unsigned dot products rely on sums of weights that belong to the weights.
      cpu.run(program.sections.weights);
      const seen = new Set<string>();
      for (let n = 0; n < mostTiles(program, TARGETS); n++) {
        const steps = tiledSteps(program, n, TARGETS).filter((step) => isNew(seen, step));
        if (steps.length === 0) continue;
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
        const opened = await deviceWithTile(n, SHAPES_AND_DOTS);
        const watched = {
          ...opened,
          createExecutor: (program: Program) => {
            tiles = mostTiles(program, SHAPES_AND_DOTS);
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
