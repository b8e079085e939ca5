/**
 * An evaluation of which each rank computes its share: the figures of one machine, on every rank.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import type { Batch } from "../lib/data/batch.ts";
import type { Dataset } from "../lib/data/dataset.ts";
import { DataLoader } from "../lib/data/loader.ts";
import { openDataset } from "../lib/data/open.ts";
import { localRanks } from "../lib/distributed/local_ranks.ts";
import type { Ranks } from "../lib/distributed/ranks.ts";
import { plan } from "../lib/program/plan.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { cpuDevice } from "../lib/runtime/device.ts";
import { evaluationRecord, measure, type Measured } from "../lib/train/measure.ts";
import { Network } from "../lib/train/network/network.ts";

const STEPS = 2;

/** A network after two steps with moving averages, in micro-batches of 3 images. */
async function withNetwork<T>(
  test: number,
  body: (network: Network, data: Dataset) => Promise<T>,
): Promise<T> {
  const recipe = resolveRecipe({
    seed: 3,
    data: { format: "glyphs", size: 12, train: 60, test },
    model: { name: "cnn", width: 4 },
    train: { batch: 6, micro_batch: 3, ema: 0.5 },
  });
  const data = await openDataset(recipe), { program } = plan(recipe, data);
  const executor = await cpuDevice({ threads: 1 }).createExecutor(program);
  try {
    const network = new Network(program, executor, recipe.seed, recipe.quantize, data);
    const loader = new DataLoader(data, { batch: 6 });
    network.initialize();
    await network.calibrate([await loader.trainBatch(0)]);
    for (let step = 0; step < STEPS; step++) {
      await network.step(await loader.trainBatch(step), step, 0.05);
    }
    return await body(network, data);
  } finally {
    executor.close();
  }
}

/** What each of some ranks measures, each with a network of its own. */
function onRanks(
  size: number,
  test: number,
  options: (ranks: Ranks) => { signal?: AbortSignal; progress?: (text: string) => void } =
    () => ({}),
  loaderOf = (data: Dataset) => new DataLoader(data),
): Promise<(Measured | undefined)[]> {
  return Promise.all(
    localRanks(size).map((distributed) =>
      withNetwork(
        test,
        (network, data) =>
          measure(network, loaderOf(data), "test", { ...options(distributed), distributed }),
      )
    ),
  );
}

Deno.test("ranks measure together what one machine measures, to the byte of evaluation.json", async () => {
  // 68 batches, more than the sums of one reading, and the last one has an image.
  const test = 3 * 67 + 1;
  await withNetwork(test, async (network, data) => {
    const want = (await measure(network, new DataLoader(data), "test", {}))!;
    assert.ok(want.mistakes.length > 2 && want.loss > 0);
    const text = JSON.stringify(await evaluationRecord(STEPS, data, want));
    for (const size of [1, 2, 3]) {
      for (const [rank, got] of (await onRanks(size, test)).entries()) {
        assert.deepEqual(got, want, `rank ${rank} of ${size}`);
        assert.equal(JSON.stringify(await evaluationRecord(STEPS, data, got!)), text);
      }
    }
  });
});

Deno.test("ranks without a batch of their own get the figures too", async () => {
  await withNetwork(5, async (network, data) => {
    const want = await measure(network, new DataLoader(data), "test", {});
    assert.deepEqual(await onRanks(3, 5), [want, want, want]);
  });
});

/** Reads slowly. */
class SlowLoader extends DataLoader {
  static read = 0;
  override async *batches(...request: Parameters<DataLoader["batches"]>): AsyncGenerator<Batch> {
    for await (const batch of super.batches(...request)) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      SlowLoader.read++;
      yield batch;
    }
  }
}

Deno.test("one rank that is interrupted ends the evaluation of all, after the same batches", async () => {
  const interrupted = ({ rank }: Ranks) => rank === 1 ? { signal: AbortSignal.abort() } : {};
  const all = await onRanks(3, 90, interrupted, (data) => new SlowLoader(data));
  assert.deepEqual(all, [undefined, undefined, undefined]);
  // Four of each rank, and the next one, which was read already.
  assert.equal(SlowLoader.read, 15);
});

Deno.test("an interruption that comes after the last exchange stops nothing", async () => {
  const interrupted = ({ rank }: Ranks) => rank === 1 ? { signal: AbortSignal.abort() } : {};
  for (const got of await onRanks(2, 20, interrupted, (data) => new SlowLoader(data))) {
    assert.equal(got?.images, 20);
  }
});
