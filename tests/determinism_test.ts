/**
 * Same recipe, same adapter, same bits: whoever reads the images, whatever tiles kernels take, wherever
 * ranges are set, and however often the run is interrupted; each alone, and all at once.
 *
 * @module
 */
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { inFolder, RESIDUAL, type Run, runOf, SHORT } from "./support/runs.ts";
import { deviceWithTile } from "./support/tiles.ts";

interface How {
  readonly workers?: number;
  readonly tile?: number;
  readonly scheduler?: "host" | "device";
  /** Steps after which the run is asked to end and resumed. */
  readonly stops?: readonly number[];
}

/** Everything that has random numbers or a memory of its own. */
function recipe({ workers = 0, scheduler = "host" }: How): RecipeInput {
  return {
    ...SHORT,
    data: {
      ...SHORT.data,
      workers,
      augment: [{ crop: { padding: 1 } }, { mixup: { alpha: 0.4 } }],
    },
    model: {
      layers: [
        ...RESIDUAL,
        "global_avg_pool",
        { type: "dropout", rate: 0.2 },
        { type: "linear", features: 10 },
      ],
    },
    quantize: {
      scheduler,
      layers: [
        { match: "conv1", gradients: { estimator: "hindsight-guarded" } },
        { match: "conv2", gradients: { estimator: "delayed-max" } },
      ],
    },
    train: {
      ...SHORT.train,
      optimizer: { name: "adamw" },
      ema: 0.9,
      clip_norm: 1,
      label_smoothing: 0.1,
    },
  };
}

/** Trains to the end. */
async function trained(how: How): Promise<Pick<Run, "losses" | "end">> {
  const opened = () => deviceWithTile(how.tile ?? 0), losses: number[] = [];
  let last!: Run;
  await inFolder(async (out) => {
    for (const [i, stopAt] of [...how.stops ?? [], Infinity].entries()) {
      last = await runOf(recipe(how), { opened: await opened(), out, stopAt, resume: i > 0 });
      losses.push(...last.losses);
    }
  });
  return { losses, end: last.end };
}

Deno.test({
  name:
    "the same seed gives the same weights whatever the workers, tiles, scheduler and interruptions",
  ignore: await requestAdapter() === null,
  fn: async () => {
    const plain = await trained({});
    assert.equal(plain.losses.length, 20);
    const others: How[] = [
      { workers: 2 },
      { tile: 1 },
      { scheduler: "device" },
      { stops: [3, 10] },
      { workers: 3, tile: 2, scheduler: "device", stops: [1, 14] },
    ];
    for (const how of others) {
      const run = await trained(how);
      assert.deepEqual(run.losses, plain.losses, JSON.stringify(how));
      assert.deepEqual(run.end.state, plain.end.state, JSON.stringify(how));
    }
  },
});
