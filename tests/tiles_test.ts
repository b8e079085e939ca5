/**
 * No result depends on which tile of a kernel is taken: each equals the reference, and training ends with
 * the same bits.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DOT, type Target } from "../kernels/define_kernel.ts";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { givenTile, tileName } from "../lib/runtime/gpu/tile.ts";
import { allSteps } from "../lib/program/program.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { CASES, SIMULATED_CASES } from "./support/cases.ts";
import { filled } from "./support/fill.ts";
import { lockstepOf } from "./support/lockstep_all.ts";
import { programOf } from "./support/networks.ts";
import { inFolder, RESIDUAL, runOf, SHORT } from "./support/runs.ts";
import {
  deviceWithTarget,
  everyTile,
  MAX_TILES,
  programOfSteps,
  TARGETS,
  tiledSteps,
} from "./support/tiles.ts";

const ignore = await requestAdapter() === null;

/** Ragged edges and every stride; wide loads, residuals and several tiles; sums over many pixels; depthwise. */
const SHAPES = [
  ...[1, 2, 6].map((n) => CASES[n]!),
  ...CASES.filter(({ name }) => /^depthwise: (ragged|several)/.test(name)),
];

/** Every shape of tile with one way of dot products. With the others: tests/soak/every_tile_test.ts. */
const NATIVE = TARGETS.filter(({ dots }) => dots[0] === DOT.native);

for (const arithmetic of ["int8", "float32", "simulated"] as const) {
  // A driver compiles a tile in workgroup memory for seconds, so each is tested once.
  const tested = new Set<string>();
  // In simulated arithmetic: a range for each channel of weights.
  for (const test of arithmetic === "simulated" ? SIMULATED_CASES.slice(0, 1) : SHAPES) {
    Deno.test({
      name: `every tile of a kernel equals its reference: ${test.name} (${arithmetic})`,
      ignore,
      fn: async () => {
        const { program, cpu } = await filled(test, arithmetic);
        for (let n = 0; n < MAX_TILES; n++) {
          const steps = tiledSteps(program, n, NATIVE).filter((step) => {
            const name = `${step.kernel.name} ${tileName(givenTile(step)!)}`;
            // Convolutions read these sums on the GPU; their references do without.
            if (step.kernel.name === "weight_sums") return true;
            return !tested.has(name) && tested.add(name);
          });
          await lockstepOf(programOfSteps(program, steps), cpu, steps, "adapter");
        }
      },
    });
  }
}

/** A recipe with every kernel that has tiles, and several tiles of each. */
const RECIPE: RecipeInput = {
  ...SHORT,
  model: {
    layers: [
      ...RESIDUAL,
      { type: "conv2d", channels: 8, kernel: 3, padding: 1, groups: 8, bias: false },
      "batch_norm",
      "relu6",
      { type: "conv2d", channels: 5, kernel: 3, stride: 2, padding: 1, bias: false },
      "batch_norm",
      "relu",
      "global_avg_pool",
      { type: "linear", features: 10 },
    ],
  },
};

/** The defaults of both kinds of adapter, in all ways of dot products. */
const DEFAULTS: Readonly<Record<"int8" | "float32", readonly Target[]>> = {
  int8: TARGETS,
  float32: NATIVE,
};

for (const arithmetic of ["int8", "float32"] as const) {
  Deno.test({
    name: `training ends with the same bits on whatever adapter's tiles (${arithmetic})`,
    ignore,
    fn: async () => {
      const ends: Uint8Array[] = [], losses: (readonly number[])[] = [];
      for (const target of DEFAULTS[arithmetic]) {
        await inFolder(async (out) => {
          const opened = await deviceWithTarget(target), quantize = { arithmetic };
          const run = await runOf({ ...RECIPE, quantize }, { opened, out });
          losses.push(run.losses);
          const files = await Array.fromAsync(Deno.readDir(`${out}/checkpoints`));
          const last = files.map(({ name }) => name).sort().at(-1)!;
          ends.push(await Deno.readFile(`${out}/checkpoints/${last}`));
        });
      }
      for (let n = 1; n < ends.length; n++) {
        assert.deepEqual(losses[n], losses[0]);
        assert.deepEqual(ends[n], ends[0]);
      }
    },
  });
}

Deno.test("tiles of a step differ, and a step knows nothing of them", () => {
  let tiled = 0;
  for (const test of CASES) {
    for (const step of allSteps(programOf(test, "int8"))) {
      const tiles = everyTile(step), { name } = step.kernel;
      const known = tiles.flatMap(({ constants }) => Object.keys(constants))
        .filter((constant) => constant in step.constants);
      assert.deepEqual(known, [], name);
      if (tiles.length === 1) continue;
      tiled++;
      assert.ok(tiles.length <= MAX_TILES, name);
      assert.equal(new Set(tiles.map(tileName)).size, tiles.length);
      const names = tiles.map(({ constants }) => Object.keys(constants).sort().join());
      assert.equal(new Set(names).size, 1, `${name}: each sets the same constants`);
    }
  }
  assert.ok(tiled > 50);
});
