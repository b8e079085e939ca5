/** Order of training, splits in memory, and what `openDataset` adds to every format. */
import assert from "node:assert/strict";
import { memorySplit } from "../lib/data/in_memory.ts";
import { pixelStatistics } from "../lib/data/inspect/dataset_statistics.ts";
import { openDataset } from "../lib/data/open.ts";
import {
  epochOrder,
  leftOutOfEpochs,
  RandomSampler,
  sequentialBatches,
} from "../lib/data/sampler.ts";
import { draw, key, mix, scaleTo } from "../lib/data/counter_rng.ts";
import { dataRecipe, rejectsData, smallIdx, withFolder } from "./data_helpers.ts";

Deno.test("an epoch's order holds every image once", () => {
  for (const count of [0, 1, 2, 7, 1000]) {
    const order = epochOrder(count, 1, 0);
    assert.deepEqual([...order].sort((a, b) => a - b), [...Array(count).keys()]);
  }
});

Deno.test("an order depends on seed and epoch alone, and is the same on every platform", () => {
  assert.deepEqual([...epochOrder(10, 1, 0)], [9, 5, 4, 2, 7, 1, 8, 0, 3, 6]);
  assert.deepEqual(epochOrder(10, 1, 0), epochOrder(10, 1, 0));
  const others = [epochOrder(1000, 1, 0), epochOrder(1000, 1, 1), epochOrder(1000, 2, 0)];
  for (const [at, a] of others.entries()) {
    for (const b of others.slice(at + 1)) {
      const same = a.filter((value, place) => value === b[place]).length;
      assert.ok(same < 10, `${same} of 1000 in the same place`); // 1 is expected by chance
    }
  }
});

Deno.test("every image is about as likely at every place of an order", () => {
  const counts = new Uint32Array(36);
  for (let epoch = 0; epoch < 6000; epoch++) {
    epochOrder(6, 3, epoch).forEach((image, place) => counts[place * 6 + image]!++);
  }
  const chi2 = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  assert.ok(chi2 < 60, `chi-square ${chi2} with 25 degrees of freedom`); // p = 1e-4 at 60
});

Deno.test("training takes whole batches and drops the rest of an epoch", () => {
  assert.equal(new RandomSampler(64, 64, 1).stepsPerEpoch, 1);
  assert.equal(new RandomSampler(130, 64, 1).stepsPerEpoch, 2);
  const sampler = new RandomSampler(10, 4, 1);
  const steps = [0, 1, 2, 3, 1].map((step) => [...sampler.indices(step)]);
  const first = [...epochOrder(10, 1, 0)], second = [...epochOrder(10, 1, 1)];
  assert.deepEqual(steps, [
    first.slice(0, 4),
    first.slice(4, 8),
    second.slice(0, 4),
    second.slice(4, 8),
    first.slice(4, 8),
  ]);
  assert.deepEqual([1, 2].map((step) => sampler.epochOf(step)), [0, 1]);
});

Deno.test("an evaluation takes every image once, in order", () => {
  const batches = [...sequentialBatches(7, 3)].map((indices) => [...indices]);
  assert.deepEqual(batches, [[0, 1, 2], [3, 4, 5], [6]]);
});

Deno.test("a split that does not fill one batch is refused", async () => {
  await rejectsData(
    () => new RandomSampler(63, 64, 1),
    "train.batch: expected at most the 63 training images, got 64; set train.batch=63 or lower, or " +
      "add images",
  );
});

Deno.test("each epoch leaves out other images", () => {
  const sampler = new RandomSampler(90, 64, 1),
    left = (epoch: number) => {
      const taken = new Set(sampler.indices(epoch));
      return Array.from({ length: 90 }, (_, i) => i).filter((i) => !taken.has(i));
    };
  const epochs = Array.from({ length: 60 }, (_, epoch) => left(epoch));
  assert.ok(epochs.every(({ length }) => length === 26));
  assert.equal(new Set(epochs.map(String)).size, 60);
  assert.equal(new Set(epochs.flat()).size, 90, "none is left out of all");
});

Deno.test("the images that an epoch leaves out are counted, with the batch that leaves out fewest", () => {
  const said = (...given: Parameters<typeof leftOutOfEpochs>) => leftOutOfEpochs(...given)?.text;
  const anew = "each epoch leaves out as many, chosen at random";
  assert.equal(
    said(90, 64),
    `26 of 90 training images do not fill a batch of 64: ${anew} (train.batch=45 uses all)`,
  );
  assert.equal(
    said(1_001, 64),
    `41 of 1,001 training images do not fill a batch of 64: ${anew} (train.batch=50 leaves out 1)`,
  );
  assert.equal(said(19, 6), `1 of 19 training images does not fill a batch of 6: ${anew}`);
  assert.equal(
    said(90, 64, 32),
    `26 of 90 training images do not fill a batch of 64: ${anew}`,
  );
  assert.deepEqual([said(128, 64), said(64, 64), said(7, 1)], [undefined, undefined, undefined]);
});

Deno.test("mixing is a bijection, seeds above 2^32 count, and scaling stays below its bound", () => {
  const seen = new Set<number>();
  for (let word = 0; word < 100_000; word++) seen.add(mix(word));
  assert.equal(seen.size, 100_000);
  assert.notEqual(key(1), key(1 + 2 ** 32));
  assert.notEqual(key(1, 2), key(2, 1));
  assert.equal(scaleTo(2 ** 32 - 1, 2 ** 32), 2 ** 32 - 1);
  assert.equal(scaleTo(2 ** 32 - 1, 3), 2);
  assert.equal(scaleTo(0, 3), 0);
  assert.equal(draw(key(1), 5), draw(key(1), 5));
});

Deno.test("a split copies the images and labels asked for, in the order asked for", () => {
  const split = memorySplit({
    images: Uint8Array.of(1, 2, 3, 4, 5, 6),
    labels: Uint8Array.of(7, 8, 9),
  });
  const images = new Uint8Array(6).fill(99);
  const labels = new Uint32Array(3).fill(99);
  split.read(Uint32Array.of(2, 0), images, labels);
  assert.deepEqual([...images], [5, 6, 1, 2, 99, 99]);
  assert.deepEqual([...labels], [9, 7, 99]);
  assert.throws(() => split.read(Uint32Array.of(3), images, labels), RangeError);
  assert.throws(() => split.read(Uint32Array.of(0), new Uint8Array(1), labels), RangeError);
});

Deno.test("mean and deviation are per channel, of pixel / 255", () => {
  const { mean, std } = pixelStatistics(Uint8Array.of(0, 51, 255, 51), 2);
  assert.deepEqual(mean, [0.5, 0.2]);
  assert.deepEqual(std, [0.5, 0]);
});

Deno.test("mean and std are those of the recipe, one for each channel", async () => {
  await withFolder(smallIdx(), async (root) => {
    const open = (fields: object) => openDataset(dataRecipe({ root, ...fields }));
    const given = await open({ mean: [0], std: [0.25] });
    assert.deepEqual([given.mean, given.std], [[0], [0.25]]);
    await rejectsData(
      () => open({ mean: [0.1, 0.2, 0.3] }),
      "data.mean: expected 1 numbers, one for each channel, got 3; " +
        "give one for each, or one number for all",
    );
  });
});

Deno.test("data that is usable but odd gets a warning", async () => {
  await withFolder(smallIdx(), async (root) => {
    const warnings: string[] = [];
    const warn = (text: string) => warnings.push(text);
    const data = await openDataset(dataRecipe({ root, classes: 10 }), { warn });
    assert.deepEqual(warnings, [
      `${data.name}: 7 of 10 classes have no training image (3, 4, 5, 6, 7, …); ` +
      "data.classes or data.train may be wrong",
    ]);
  });
});

Deno.test("a data.root that is nearly there is asked about", () =>
  withFolder(
    { "Photos/a/1.png": new Uint8Array(), "dogs #2/a/1.png": new Uint8Array() },
    async (folder) => {
      for (
        const [root, hint] of [
          ["photo", "did you mean Photos?"],
          ["dogs", '"dogs #2" is there: in a recipe, write it in quotes, as # begins a comment'],
        ]
      ) {
        await assert.rejects(
          openDataset(dataRecipe({ format: "folder", root: `${folder}/${root}` })),
          (error: Error) =>
            error.message.includes(`found nothing at ${folder}/${root} (${hint}); `),
        );
      }
    },
  ));
