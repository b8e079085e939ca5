/**
 * A training step on several ranks: the bits of one machine with the same micro-batches.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import type { Batch } from "../lib/data/batch.ts";
import { DataLoader } from "../lib/data/loader.ts";
import { openDataset } from "../lib/data/open.ts";
import { localRanks } from "../lib/distributed/local_ranks.ts";
import type { Ranks } from "../lib/distributed/ranks.ts";
import { plan } from "../lib/program/plan.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { cpuDevice, type Device, openDevice } from "../lib/runtime/device.ts";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { Network } from "../lib/train/network/network.ts";
import type { NetworkState } from "../lib/train/network/types.ts";

const noGpu = await requestAdapter() === null;

const SMALL: RecipeInput = {
  seed: 3,
  data: { format: "glyphs", size: 12, train: 200, test: 40, augment: [{ mixup: { alpha: 0.4 } }] },
  model: { name: "cnn", width: 4 },
  train: { batch: 48, micro_batch: 4, clip_norm: 1, ema: 0.9, optimizer: { name: "adamw" } },
};

/** The images of a rank's micro-batches only. */
function shareOf(batch: Batch, micro: number, own: readonly number[]): Batch {
  const size = batch.images.length / batch.samples * micro;
  const images = new Uint8Array(own.length * size);
  own.forEach((m, at) => images.set(batch.images.subarray(m * size, (m + 1) * size), at * size));
  return { ...batch, images };
}

interface Outcome {
  readonly state: NetworkState;
  readonly results: unknown[];
}

/** Trains a few steps on one rank, or on one machine. */
async function trained(
  input: RecipeInput,
  steps: number,
  device: Device,
  ranks?: Ranks,
  rateOf: (step: number) => number = () => 0.01,
): Promise<Outcome> {
  const recipe = resolveRecipe(input), data = await openDataset(recipe), { train } = recipe;
  const { program } = plan(recipe, data, { exchanges: ranks !== undefined });
  const executor = await device.createExecutor(program);
  try {
    const { seed, quantize } = recipe;
    const { wire } = recipe.distributed;
    const network = new Network(program, executor, seed, quantize, data, { ranks, wire });
    const loader = new DataLoader(data, { ...recipe.data, seed, batch: train.batch });
    network.initialize();
    await network.calibrate([await loader.trainBatch(0)]);
    const results: unknown[] = [];
    for (let step = 0; step < steps; step++) {
      const batch = await loader.trainBatch(step);
      const share = ranks ? shareOf(batch, program.batch, network.microBatches) : batch;
      const telemetry = recipe.telemetry === "full" && step % 2 === 1;
      results.push(await network.step(share, step, rateOf(step), telemetry));
    }
    return { state: await network.state(), results };
  } finally {
    executor.close();
  }
}

async function expectSame(
  input: RecipeInput,
  sizes: readonly number[],
  device: Device,
  rateOf?: (step: number) => number,
) {
  const steps = 3, want = await trained(input, steps, device, undefined, rateOf);
  for (const size of sizes) {
    const all = await Promise.all(
      localRanks(size).map((ranks) => trained(input, steps, device, ranks, rateOf)),
    );
    for (const [rank, got] of all.entries()) {
      assert.deepEqual(got.results, want.results, `results of rank ${rank} of ${size}`);
      assert.deepEqual(got.state, want.state, `state of rank ${rank} of ${size}`);
    }
  }
}

const cpu = cpuDevice({ threads: 1 });

Deno.test("any number of ranks gives the bits of one machine: mixup, clipping, moving averages, AdamW", async () => {
  await expectSame(SMALL, [1, 2, 3, 4], cpu);
});

/** Its gradients are several buckets. */
const RESNET: RecipeInput = {
  ...SMALL,
  model: { name: "resnet8", width: 16 },
  train: { batch: 12, micro_batch: 4 },
};

Deno.test("so do a network with residuals, one micro-batch a rank, and several threads", async () => {
  await expectSame(RESNET, [3], cpuDevice({ threads: 2 }));
});

for (
  const [name, more] of Object.entries<Partial<RecipeInput>>({
    "float32": { quantize: { arithmetic: "float32" } },
    "ranges that a micro-batch sets itself, with telemetry": {
      quantize: { gradients: { estimator: "current-minmax" } },
      telemetry: "full",
    },
    "a search for ranges": { quantize: { gradients: { estimator: "dsgc", interval: 2 } } },
    "the scheduler on the host": { quantize: { scheduler: "host" } },
    "the scheduler on the device": { quantize: { scheduler: "device" } },
  })
) {
  Deno.test(`ranks give the bits of one machine in ${name}`, async () => {
    await expectSame({ ...SMALL, ...more, train: { batch: 24, micro_batch: 4 } }, [3], cpu);
  });
}

Deno.test("a step that is not finite changes nothing on any rank, and the next one goes on", async () => {
  const rateOf = (step: number) => step === 1 ? Infinity : 0.01;
  await expectSame({ ...SMALL, train: { batch: 24, micro_batch: 4 } }, [3], cpu, rateOf);
  const { results } = await trained(SMALL, 2, cpu, localRanks(1)[0], rateOf);
  assert.match(JSON.stringify(results[1]), /not finite after the update/);
});

Deno.test("a step that is held back leaves ranges on the wire as they were", async () => {
  const wild: RecipeInput = {
    ...SMALL,
    quantize: { arithmetic: "float32" },
    train: { batch: 48, micro_batch: 4 },
    distributed: { wire: "int8" },
  };
  const rateOf = () => 1e12, [one] = localRanks(1);
  const before = await trained(wild, 1, cpu, one, rateOf);
  const { state, results } = await trained(wild, 2, cpu, one, rateOf);
  assert.match(JSON.stringify(results), /not finite/);
  assert.deepEqual(state, before.state);
});

Deno.test("8 bits on the wire give the same bits on any number of ranks, near those of f32", async () => {
  const int8: RecipeInput = { ...SMALL, distributed: { wire: "int8" } }, [one] = localRanks(1);
  const resnet: RecipeInput = { ...RESNET, distributed: { wire: "int8" } };
  const whole = await trained(resnet, 3, cpu, one);
  for (const got of await Promise.all(localRanks(3).map((rank) => trained(resnet, 3, cpu, rank)))) {
    assert.deepEqual(got, whole);
  }
  const want = await trained(int8, 4, cpu, one), f32 = await trained(SMALL, 4, cpu, one);
  for (const size of [2, 3]) {
    const all = await Promise.all(localRanks(size).map((ranks) => trained(int8, 4, cpu, ranks)));
    for (const got of all) assert.deepEqual(got, want);
  }
  const name = "conv2.weight",
    weights = ({ state }: Outcome) => state.parameters.find((p) => p.name === name)!.data;
  assert.equal(want.state.memories.has(`${name}.gradient.wire`), true);
  const [a, b] = [weights(want), weights(f32)];
  assert.notDeepEqual(a, b);
  // AdamW moves a weight by about the learning rate, 0.01, in each step.
  assert.ok(a.reduce((sum, v, i) => sum + Math.abs(v - b[i]!), 0) / a.length < 0.005);
});

Deno.test({
  name: "ranks on a GPU give the bits of one machine",
  ignore: noGpu,
  fn: async () => {
    const device = await openDevice("gpu"), ranks = localRanks(1);
    const want = await trained({ ...SMALL, train: { batch: 8, micro_batch: 4 } }, 2, device);
    const again = await openDevice("gpu");
    const got = await trained(
      { ...SMALL, train: { batch: 8, micro_batch: 4 } },
      2,
      again,
      ranks[0],
    );
    assert.deepEqual(got, want);
  },
});
