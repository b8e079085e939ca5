/**
 * A rank's share of a batch: the bytes of the whole batch, whatever is mixed with what.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Batch } from "../lib/data/batch.ts";
import { draw } from "../lib/data/counter_rng.ts";
import type { Dataset } from "../lib/data/dataset.ts";
import { memorySplit } from "../lib/data/in_memory.ts";
import { DataLoader, workersFor } from "../lib/data/loader.ts";
import { openDataset } from "../lib/data/open.ts";
import type { AugmentSpec } from "../lib/recipe/augment.ts";
import { dataRecipe, withFolder } from "./data_helpers.ts";
import { plainPng } from "./support/image_folders.ts";

const MIXUP = { mixup: { alpha: 0.4 } };
const LISTS: Readonly<Record<string, readonly AugmentSpec[]>> = {
  "no augmentation": [],
  "augmentations of images": [
    { flip: { probability: 0.5 } },
    { crop: { padding: 2 } },
    { color_jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 } },
    { cutout: { size: 3 } },
  ],
  "mixup": [{ crop: { padding: 2 } }, MIXUP],
  "two mixups with an augmentation between and after them": [
    MIXUP,
    { flip: { probability: 0.5 } },
    MIXUP,
    { cutout: { size: 3 } },
  ],
};

/** 50 training and 23 test images of 5×3×3: odd bytes, so that the last word of a share is not full. */
function data(): Dataset {
  const split = (count: number, seed: number) =>
    memorySplit({
      images: Uint8Array.from({ length: count * 45 }, (_, i) => draw(seed, i) >>> 24),
      labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
    });
  const third = [0.5, 0.5, 0.5];
  return {
    name: "noise",
    classes: 10,
    shape: [5, 3, 3],
    mean: third,
    std: third,
    train: split(50, 1),
    test: split(23, 2),
  };
}

interface Case {
  readonly batch: number;
  readonly micro: number;
  readonly size: number;
}

/** Expects the shares of two steps to be parts of the whole batch. */
async function expectShares(
  data: Dataset,
  augment: readonly AugmentSpec[],
  { batch, micro, size }: Case,
  workers = 0,
): Promise<void> {
  const settings = { augment, seed: 7, batch, workers }, whole = new DataLoader(data, settings);
  const [h, w, c] = data.shape, bytes = micro * h * w * c;
  for (let rank = 0; rank < size; rank++) {
    const loader = await DataLoader.open(data, { ...settings, share: { rank, size, micro } });
    try {
      for (const step of [0, whole.sampler.stepsPerEpoch]) {
        const want = await whole.trainBatch(step), got = await loader.trainBatch(step);
        const where = `batch ${batch}, micro-batch ${micro}, rank ${rank} of ${size}`;
        const { images: pixels, ...rest } = got, { images: all, ...expected } = want;
        assert.deepEqual(rest, expected, where);
        let at = 0;
        for (let m = rank; m < batch / micro; m += size, at += bytes) {
          const own = pixels.subarray(at, at + bytes);
          assert.deepEqual(own, all.subarray(m * bytes, (m + 1) * bytes), `${where}: ${m}`);
        }
        assert.equal(pixels.length, Math.ceil(at / 4) * 4, where);
        assert.deepEqual(await loader.wholeBatch(step), want, where);
      }
    } finally {
      loader.close();
    }
  }
}

for (const [name, augment] of Object.entries(LISTS)) {
  Deno.test(`the shares of a batch are its bytes: ${name}`, async () => {
    for (
      const [batch, micro, size] of [
        [12, 12, 1],
        [12, 4, 3],
        [12, 2, 3],
        [12, 3, 2],
        [6, 1, 6],
        [2, 1, 2],
        [9, 3, 2],
      ] as const
    ) {
      await expectShares(data(), augment, { batch, micro, size });
    }
  });
}

Deno.test("workers read shares too, ahead of time", async () => {
  await expectShares(data(), LISTS.mixup!, { batch: 12, micro: 2, size: 2 }, 2);
});

const FOLDER = Object.fromEntries(
  ["red", "blue"].flatMap((name, label) =>
    Array.from({ length: 7 }, (_, i) =>
      [
        `${name}/${i}.png`,
        plainPng(label * 9 + i, 8 + 3 * i, 20 - i),
      ] as const)
  ),
);

Deno.test("images of any size, and one that another takes the place of, come as in the whole batch", async () => {
  const files = { ...FOLDER, "red/3.png": new TextEncoder().encode("a letter") };
  await withFolder(files, async (root) => {
    const recipe = dataRecipe({
      format: "folder",
      root,
      size: 6,
      holdout: 0.25,
      on_bad_image: "skip",
    });
    const augment = [{ resized_crop: { scale: [0.3, 1], ratio: [0.75, 1.3] } }, MIXUP] as const;
    for (const workers of [0, 1]) {
      await expectShares(
        await openDataset(recipe),
        augment,
        { batch: 8, micro: 2, size: 2 },
        workers,
      );
    }
  });
});

Deno.test("of an evaluation's batches each rank reads as many as its share, without those of others", async () => {
  const loader = new DataLoader(data()), all = await Array.fromAsync(loader.batches("test", 4));
  const shares: Batch[][] = [];
  for (let rank = 0; rank < 4; rank++) {
    shares.push(await Array.fromAsync(loader.batches("test", 4, { rank, size: 4 })));
  }
  assert.deepEqual(shares, [[all[0], all[4]], [all[1], all[5]], [all[2]], [all[3]]]);
  assert.deepEqual(await Array.fromAsync(loader.batches("test", 40, { rank: 1, size: 2 })), []);
});

Deno.test("ranks on one host share its processors among their workers", () => {
  const train = { source: { kind: "folder" } } as Dataset["train"];
  const of = (onCores: number, processors: number) =>
    workersFor({ train }, { workers: "auto", onCores }, processors);
  assert.deepEqual([of(1, 16), of(4, 16), of(2, 64), of(4, 4), of(9, 4)], [8, 3, 8, 1, 1]);
  assert.equal(workersFor({ train }, { workers: 5, onCores: 4 }), 5);
});
