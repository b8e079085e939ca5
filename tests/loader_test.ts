import assert from "node:assert/strict";
import type { Dataset, SplitName } from "../lib/data/dataset.ts";
import { memorySplit } from "../lib/data/in_memory.ts";
import { DataLoader, workersFor } from "../lib/data/loader.ts";
import { draw } from "../lib/data/counter_rng.ts";
import { epochOrder } from "../lib/data/sampler.ts";
import { shareSources, WorkerPool } from "../lib/data/workers/worker_pool.ts";
import { DataError } from "../lib/core/errors.ts";
import type { AugmentSpec } from "../lib/recipe/augment.ts";
import { Throughput } from "../lib/train/loop/throughput.ts";
import type { Batch, BatchRequest } from "../lib/data/batch.ts";

const AUGMENT: readonly AugmentSpec[] = [
  { crop: { padding: 2 } },
  { flip: { probability: 0.5 } },
  { color_jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 } },
  { mixup: { alpha: 0.4 } },
];

/** 50 training and 23 test images of 7×5×3. */
function data(): Dataset {
  const split = (count: number, seed: number) =>
    memorySplit({
      images: Uint8Array.from({ length: count * 105 }, (_, i) => draw(seed, i) >>> 24),
      labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
    });
  return {
    name: "noise",
    classes: 10,
    shape: [7, 5, 3],
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    train: split(50, 1),
    test: split(23, 2),
  };
}

const all = (batches: AsyncIterable<Batch>) => Array.fromAsync(batches);

/** Every batch of three epochs from step `from` on, and of the test images. */
async function batches(workers: number, from = 0): Promise<{ train: Batch[]; test: Batch[] }> {
  const loader = await DataLoader.open(data(), { augment: AUGMENT, seed: 7, workers, batch: 8 });
  try {
    const train: Batch[] = [];
    for (let step = from; step < 18; step++) train.push(await loader.trainBatch(step, 18));
    return { train, test: await all(loader.batches("test", 8)) };
  } finally {
    loader.close();
  }
}

Deno.test("batches are the same for any number of workers, and from any step on", async () => {
  const alone = await batches(0);
  assert.equal(alone.train.length, 18);
  for (const workers of [1, 3]) assert.deepEqual(await batches(workers), alone);
  for (const workers of [0, 2]) {
    assert.deepEqual((await batches(workers, 8)).train, alone.train.slice(8));
  }
});

Deno.test("training images are augmented anew every epoch, test images never", async () => {
  const { train, test } = await batches(0);
  const pixels = (list: Batch[]) => list.map(({ images }) => images.join());
  assert.equal(new Set(pixels(train)).size, 18);
  assert.ok(train.every(({ others, weights }) => others?.length === 8 && weights?.length === 8));
  const plain = await all(new DataLoader(data()).batches("test", 8));
  assert.deepEqual(test, plain);
  assert.deepEqual(test.map(({ samples }) => samples), [8, 8, 7]);
  assert.equal(test[0]!.others, undefined);
  assert.deepEqual([...test[2]!.images.subarray(7 * 105)], Array(105).fill(0));
});

Deno.test("without augmentation a batch is what the split holds, padded to whole words", async () => {
  const loader = new DataLoader(data(), { batch: 3, seed: 1 });
  const { images, labels, samples, others } = await loader.trainBatch(1);
  assert.deepEqual([images.length, labels.length, samples, others], [316, 3, 3, undefined]);
  const expected = new Uint8Array(315), own = new Uint32Array(3);
  await data().train.read(epochOrder(50, 1, 0).subarray(3, 6), expected, own);
  assert.deepEqual([images.subarray(0, 315), labels], [expected, own]);
});

/** A loader that reads nothing, as two workers would, and notes the indices it is asked for. */
class Recording extends DataLoader {
  readonly asked: string[] = [];
  override get ahead(): number {
    return 2;
  }
  override read(_: SplitName, { indices, epoch }: BatchRequest): Promise<Batch> {
    this.asked.push(`${epoch}: ${indices}`);
    return Promise.resolve({} as Batch);
  }
}

Deno.test("batches are prefetched as far as there are steps, each read once", async () => {
  const loader = new Recording(data(), { batch: 16, seed: 1 }), seen: string[][] = [];
  for (let step = 0; step < 5; step++) {
    await loader.trainBatch(step, 5);
    seen.push(loader.asked.splice(0));
  }
  const batch = (step: number) =>
    `${loader.sampler.epochOf(step)}: ${loader.sampler.indices(step)}`;
  assert.deepEqual(seen, [[batch(0), batch(1), batch(2)], [batch(3)], [batch(4)], [], []]);
  await loader.trainBatch(2);
  assert.deepEqual(loader.asked, [batch(2)]);
});

Deno.test("auto starts workers where they are worth it", () => {
  const of = (kind: string, augment: readonly AugmentSpec[], processors: number) =>
    workersFor({ train: { source: { kind } } } as unknown as Dataset, {
      workers: "auto",
      augment,
    }, processors);
  assert.equal(of("memory", AUGMENT.slice(0, 2), 8), 0);
  assert.equal(of("memory", AUGMENT, 8), 7);
  assert.deepEqual([1, 2, 4, 64].map((cores) => of("files", [], cores)), [1, 1, 3, 8]);
  assert.equal(workersFor(data(), { workers: 5 }), 5);
  assert.equal(workersFor(data(), {}), 0);
});

const PLAN = { augment: AUGMENT, shape: [7, 5, 3], mean: [0.5] } as const;
const REQUEST = { indices: Uint32Array.of(1, 2), batch: 2, epoch: 0 };
const BAD = new URL("./support/bad_worker.ts", import.meta.url);

for (
  const [seed, does, expected] of [
    [1, "hangs", /gave no image for 2 s; data\.workers=0 reads them in the training thread$/],
    [2, "dies", /stopped: Uncaught Error: no more; data\.workers=0 reads them/],
    [3, "ends without a word", /gave no image for 2 s; /],
  ] as const
) {
  Deno.test(`a worker that ${does} is an error for all that wait, and for those who come`, async () => {
    const pool = await WorkerPool.start(shareSources(data())!, { ...PLAN, seed }, {
      workers: 1,
      module: BAD,
      timeoutSeconds: 2,
    });
    try {
      const both = [pool.read("train", REQUEST), pool.read("test", REQUEST)];
      for (const { status, reason } of await Promise.allSettled(both) as PromiseRejectedResult[]) {
        assert.equal(status, "rejected");
        assert.ok(reason instanceof DataError);
        assert.match(reason.message, expected);
      }
      await assert.rejects(pool.read("train", REQUEST), DataError);
    } finally {
      pool.close();
    }
  });
}

Deno.test("a worker that cannot be started says why, and does not end the program", async () => {
  const start = WorkerPool.start(shareSources(data())!, { ...PLAN, seed: 1 }, {
    workers: 2,
    module: new URL("data:application/javascript,throw new Error('not here')"),
  });
  await assert.rejects(start, /not here/);
});

Deno.test("an image that a worker cannot read is the caller's error, and the next batch comes", async () => {
  const pool = await WorkerPool.start(shareSources(data())!, { ...PLAN, seed: 1 }, { workers: 1 });
  try {
    const beyond = { ...REQUEST, indices: Uint32Array.of(1, 50) };
    await assert.rejects(pool.read("train", beyond), /image 50 of a split of 50/);
    assert.equal((await pool.read("train", REQUEST)).samples, 2);
  } finally {
    pool.close();
  }
});

Deno.test("waiting for data counts where the device was idle", async () => {
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const share = async (idleWait: number, collectMs: number) => {
    const throughput = new Throughput(idleWait, 1);
    throughput.begin();
    await throughput.waitForData(() => sleep(20));
    throughput.beginCollect();
    if (collectMs > 0) await sleep(collectMs);
    throughput.end(1, true);
    return throughput.dataWaitShare;
  };
  assert.equal(await share(0.015, 50), 0);
  assert.ok(await share(0.015, 0) > 0.9);
  const reference = await share(Infinity, 50);
  assert.ok(reference > 0 && reference < 0.9, `${reference}`);
});
